package ledger

import "time"

// MaxPage is how many entries a page of a list has at most.
const MaxPage = 1_000

// Lists of everything that are searched through read ScanStep records at once, and MaxScanned of
// them for one page at most: a page that is cut short there has a next one.
const (
	ScanStep   = 1_000
	MaxScanned = 20_000
)

// PageSize is how many entries a page has for which limit were asked for: 50 where that is 0, and
// never more than MaxPage.
func PageSize(limit int) int {
	if limit <= 0 {
		return 50
	}
	return min(limit, MaxPage)
}

const Day = 24 * time.Hour
