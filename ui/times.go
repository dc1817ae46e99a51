package ui

import (
	"fmt"
	"html"
	"html/template"
	"time"
)

// day is always 24 hours: calendars play no part in these words.
const day = 24 * time.Hour

// date formats a day in UTC: "3 March 2027".
func (c *catalogue) date(t time.Time) string {
	t = t.UTC()
	return c.must("time.date", Args{
		"day": t.Day(), "month": c.must("time.month."+itoa(int(t.Month())), nil), "year": t.Year(),
	})
}

// lastDay formats the last day on which something that ends at t works. If t is midnight, that is the
// day before.
func (c *catalogue) lastDay(t time.Time) string { return c.date(t.Add(-time.Nanosecond)) }

// exact formats a moment: "3 March 2027, 14:05 UTC".
func (c *catalogue) exact(t time.Time) string {
	return c.must("time.exact", Args{"date": c.date(t), "clock": t.UTC().Format("15:04")})
}

// relative describes how far t is from now: "in 12 days", "2 hours ago". It counts whole units and
// drops the rest, but allows half an hour too much for "in 12 days" and a minute too much for "in 24
// hours": a token that was just created for 30 days still ends "in 30 days" after somebody has read
// its page.
func (c *catalogue) relative(now, t time.Time) string {
	d, slack := now.Sub(t), time.Duration(0)
	future := d < 0
	if future {
		d, slack = -d, time.Minute
	}
	unit, n := "minutes", int(d/time.Minute)
	switch {
	case d < time.Minute:
		if future {
			return c.must("time.soon", nil)
		}
		return c.must("time.now", nil)
	case d >= 2*365*day:
		unit, n = "years", int(d/(365*day))
	case d >= 60*day:
		unit, n = "months", int(d/(30*day))
	case d >= day:
		unit, n = "days", int((d+30*slack)/day)
	case d >= time.Hour:
		unit, n = "hours", int((d+slack)/time.Hour)
	}
	if future {
		return c.must("time.in."+unit, Args{"n": n})
	}
	return c.must("time.ago."+unit, Args{"n": n})
}

// length formats a duration, rounded up to its largest unit: "24 hours", "15 minutes".
func (c *catalogue) length(d time.Duration) string {
	up := func(unit time.Duration) int { return int((d + unit - 1) / unit) }
	switch {
	case d >= 2*day:
		return c.must("time.days", Args{"n": up(day)})
	case d >= 2*time.Hour:
		return c.must("time.hours", Args{"n": up(time.Hour)})
	case d >= time.Minute:
		return c.must("time.minutes", Args{"n": up(time.Minute)})
	}
	return c.must("time.seconds", Args{"n": up(time.Second)})
}

// element returns a time element with the given words. It has the exact moment on hover and in the
// attribute that machines read.
func (c *catalogue) element(t time.Time, words string) template.HTML {
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s">%s</time>`,
		t.UTC().Format(time.RFC3339), html.EscapeString(c.exact(t)), html.EscapeString(words)))
}
