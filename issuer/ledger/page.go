package ledger

import "time"

// MaxPage is the greatest number of entries in a page of a list.
const MaxPage = 1_000

// A search through all records reads ScanStep of them at once, and at most MaxScanned for one
// page: a page that is cut short there has a next one.
const (
	ScanStep   = 1_000
	MaxScanned = 20_000
)

// PageSize returns the size of a page for a requested limit: 50 if limit is 0, and at most
// MaxPage.
func PageSize(limit int) int {
	if limit <= 0 {
		return 50
	}
	return min(limit, MaxPage)
}

// Day is a day of 24 hours, for limits that count by days.
const Day = 24 * time.Hour
