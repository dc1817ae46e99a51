package ui

import (
	"fmt"
	"testing"
	"time"
)

// chartOf draws series of 90 days, each given by its first days.
func chartOf(others []int, firsts ...[]int) uploadChart {
	u := Uploads{First: time.Date(2026, time.August, 25, 0, 0, 0, 0, time.UTC), Others: others}
	for i, first := range firsts {
		days := make([]int, 90)
		copy(days, first)
		u.Series = append(u.Series, UploadSeries{Label: fmt.Sprint("t", i), Days: days})
	}
	return u.Chart()
}

func TestChartCountsByWeek(t *testing.T) {
	c := chartOf(nil, []int{1, 0, 0, 0, 0, 2, 4, 0, 0, 0, 0, 0, 8, 16}, []int{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1})
	if len(c.Bars) != 13 || c.Total != 32 || c.Days != 90 || !c.Last().Equal(time.Date(2026, time.November, 22, 0, 0, 0, 0, time.UTC)) {
		t.Fatalf("%d bars, %d uploads on %d days to %s", len(c.Bars), c.Total, c.Days, c.Last())
	}
	for i, want := range []int{3, 12, 17, 0} { // six days, then weeks
		if c.Bars[i].Total != want {
			t.Errorf("week %d has %d uploads, want %d", i, c.Bars[i].Total, want)
		}
	}
	if c.Most != 17 || !c.Bars[1].From.Equal(c.First.AddDate(0, 0, 6)) || c.Bars[2].Parts[1].Count != 1 {
		t.Errorf("at most %d, weeks %+v", c.Most, c.Bars[:3])
	}
}

// Whatever the numbers are, bars stay inside of the chart, what was counted is seen,
// and no two parts overlap.
func TestChartIsDrawnWhole(t *testing.T) {
	for name, c := range map[string]uploadChart{
		"one upload":  chartOf(nil, []int{1}),
		"a giant":     chartOf([]int{1}, []int{1_000_000_000}, []int{1}, []int{1}, []int{1}, []int{1}),
		"eight":       chartOf(nil, []int{8}, []int{7}, []int{6}, []int{5}, []int{4}, []int{3}, []int{2}, []int{1}),
		"others only": chartOf([]int{5, 0, 0, 0, 0, 0, 0, 9}),
	} {
		drawn := 0
		for _, b := range c.Bars {
			floor := chartHeight
			for _, p := range b.Parts {
				if (p.Height > 0) != (p.Count > 0) {
					t.Errorf("%s: %d uploads are %d high", name, p.Count, p.Height)
				}
				if p.Height == 0 {
					continue
				}
				drawn += p.Count
				if p.Y+p.Height != floor || p.Y < 0 || p.X < 0 || p.X+p.Width > chartWidth || p.Width < 1 {
					t.Errorf("%s: a part at %d, %d of %d by %d, where the one below ends at %d", name, p.X, p.Y, p.Width, p.Height, floor)
				}
				floor = p.Y
			}
		}
		if drawn != c.Total || len(c.Keys) > maxSeries+1 {
			t.Errorf("%s: %d of %d uploads are drawn, by %d keys", name, drawn, c.Total, len(c.Keys))
		}
	}
	if c := chartOf(nil); c.Total != 0 || len(c.Bars) != 0 {
		t.Errorf("nothing is drawn as %+v", c)
	}
	if c := chartOf(nil, []int{8}, []int{7}, []int{6}, []int{5}, []int{4}, []int{3}, []int{2}); !c.Keys[5].Others || c.Keys[5].Total != 5 {
		t.Errorf("the others are %+v", c.Keys[5])
	}
}
