package ui

import (
	"slices"
	"strconv"
	"time"
)

// Uploads counts the uploads to a project, per token and day.
type Uploads struct {
	First  time.Time // start of the first day: midnight, UTC
	Series []UploadSeries
	Others []int // per day: uploads with tokens that have no series; nil if no such tokens exist
}

// UploadSeries holds the uploads with one token.
type UploadSeries struct {
	Label string
	Owner string // username
	Days  []int
}

// Sizes of the chart, in its own units.
const (
	chartWidth  = 390
	chartHeight = 120
	week        = 7 // days in a bar
)

// maxSeries is how many series have a class and a pattern of their own, besides the others.
const maxSeries = 5

// uploadChart is a chart of uploads with one bar per week. The last week ends today, and the first may
// be shorter. Each bar stacks the tokens, the busiest at the bottom.
type uploadChart struct {
	Keys  []chartKey
	Bars  []chartBar
	Most  int // uploads of the highest bar
	Total int
	First time.Time // first day
	Days  int
}

// chartKey is an entry of the chart's legend: it explains a class and a pattern.
type chartKey struct {
	Class  string // "s0" to "s4", or "others"
	Series UploadSeries
	Others bool
	Total  int
}

// chartBar is the bar of one week.
type chartBar struct {
	From  time.Time
	Parts []chartPart // one for each key
	Total int
}

// chartPart is a part of a bar, with its place in the chart.
type chartPart struct {
	Key                 chartKey
	Count               int
	X, Y, Width, Height int // Height 0: nothing is drawn
}

// Box returns the viewBox of the chart.
func (uploadChart) Box() string {
	return "0 0 " + strconv.Itoa(chartWidth) + " " + strconv.Itoa(chartHeight)
}

// Last returns the last day.
func (c uploadChart) Last() time.Time { return c.First.AddDate(0, 0, c.Days-1) }

// Chart draws the uploads.
func (u Uploads) Chart() uploadChart {
	c := uploadChart{First: u.First}
	series := slices.Clone(u.Series)
	for i, s := range series[:min(len(series), maxSeries)] {
		c.Keys = append(c.Keys, chartKey{Class: "s" + strconv.Itoa(i), Series: s, Total: sum(s.Days)})
		c.Days = max(c.Days, len(s.Days))
	}
	others := slices.Clone(u.Others)
	for _, s := range series[min(len(series), maxSeries):] {
		others = append(others, make([]int, max(0, len(s.Days)-len(others)))...)
		for i, n := range s.Days {
			others[i] += n
		}
	}
	if sum(others) > 0 {
		c.Keys = append(c.Keys, chartKey{Class: "others", Others: true, Series: UploadSeries{Days: others}, Total: sum(others)})
		c.Days = max(c.Days, len(others))
	}
	for _, k := range c.Keys {
		c.Total += k.Total
	}
	c.bars()
	c.place()
	return c
}

func sum(days []int) (n int) {
	for _, d := range days {
		n += d
	}
	return n
}

// bars counts per week, in weeks counted back from the last day.
func (c *uploadChart) bars() {
	weeks := (c.Days + week - 1) / week
	for w := range weeks {
		to := c.Days - (weeks-1-w)*week
		from := max(0, to-week)
		b := chartBar{From: c.First.AddDate(0, 0, from)}
		for _, k := range c.Keys {
			d := k.Series.Days
			n := sum(d[min(from, len(d)):min(to, len(d))])
			b.Parts = append(b.Parts, chartPart{Key: k, Count: n})
			b.Total += n
		}
		c.Most = max(c.Most, b.Total)
		c.Bars = append(c.Bars, b)
	}
}

// place computes where each part is drawn. A part with uploads is at least one unit high, so that it is
// visible, and the height of a bar follows its total.
func (c *uploadChart) place() {
	for i := range c.Bars {
		slot := chartWidth / len(c.Bars)
		below, count := 0, 0
		for j := range c.Bars[i].Parts {
			p := &c.Bars[i].Parts[j]
			p.X, p.Width = i*slot+2, slot-4
			if p.Count == 0 {
				continue
			}
			count += p.Count
			top := count * (chartHeight - maxSeries - 1) / c.Most
			p.Height = max(1, top-below)
			below += p.Height
			p.Y = chartHeight - below
		}
	}
}
