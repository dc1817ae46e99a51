// Package samples holds every page of rind with sample data of every kind, for the tests of package ui
// and for viewing the pages.
package samples

import (
	"math/rand/v2"
	"time"

	"github.com/rind-dev/rind/ui"
)

// Now is the time at which the samples are viewed.
var Now = time.Date(2026, time.November, 22, 14, 5, 0, 0, time.UTC)

const (
	upload = "https://packages.example.org/legacy/"
	index  = "https://packages.example.org/simple/"
	token  = "pypi-AgEUcGFja2FnZXMuZXhhbXBsZS5vcmcCJDAxOTNkNWY0LTdhMWItN2MyZS04ZjNhLTViNmQ4ZTlmMGExMgACKlszLCJhY2MyZjcwNS00ZjNlLTQ3ZDktYjBhMy05YjY2ZDY3OWM0ZmIiXQACElsxLFsiZGVtbyJdXQAABiCcecyuuyPlsRAkr_SampleOnly_7Jh29fGdIQe24SZbZtCRv0"
	secret = "dGhpcyBpcyBub3QgYSByZWFsIGxpbms"
)

// Page is a view with a name.
type Page struct {
	Name string
	View ui.View
}

// All lists the pages, some of them in several states.
func All() []Page {
	var out []Page
	for _, part := range [][]Page{entry(), account(), tokens(), projects(), projectChanges(), releasePages(), publisherPages(), admin(), administration(), verifiers(), activity(), failures()} {
		out = append(out, part...)
	}
	return out
}

// outboxed is a page as seen at the machine itself, where mails are files.
func outboxed(l ui.Layout) ui.Layout {
	l.Outbox = "data/outbox"
	return l
}

func visitor() ui.Layout   { return ui.Layout{Lang: "en", Now: Now} }
func enrolling() ui.Layout { return ui.Layout{Lang: "en", Now: Now, Pending: true, Username: "ada"} }
func member() ui.Layout {
	return ui.Layout{Lang: "en", Now: Now, SignedIn: true, Username: "ada", Admin: true}
}

func done(l ui.Layout, code string) ui.Layout {
	l.Notice = ui.Notice{Code: code}
	return l
}

func wrong(l ui.Layout, problems ...ui.Problem) ui.Layout {
	l.Problems = problems
	return l
}

func ago(d time.Duration) time.Time { return Now.Add(-d) }
func in(d time.Duration) time.Time  { return Now.Add(d) }

const day = 24 * time.Hour

// qr looks like a QR code of version 5, but contains nothing.
func qr() [][]bool {
	const size = 37
	random := rand.New(rand.NewPCG(1, 2))
	out := make([][]bool, size)
	for y := range out {
		out[y] = make([]bool, size)
		for x := range out[y] {
			out[y][x] = random.IntN(2) == 0
		}
	}
	finder := func(top, left int) {
		for y := -1; y <= 7; y++ {
			for x := -1; x <= 7; x++ {
				if top+y < 0 || left+x < 0 || top+y >= size || left+x >= size {
					continue
				}
				ring := max(abs(y-3), abs(x-3))
				out[top+y][left+x] = ring == 3 || ring <= 1
			}
		}
	}
	finder(0, 0)
	finder(0, size-7)
	finder(size-7, 0)
	return out
}

func abs(n int) int { return max(n, -n) }
