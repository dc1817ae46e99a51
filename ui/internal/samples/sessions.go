package samples

import (
	"time"

	"github.com/rind-dev/rind/ui"
)

func sessions() []ui.SessionRow {
	return []ui.SessionRow{
		{ID: "0193d5f4-7a1b-7c2e-8f3a-5b6d8e9f0a21", Browser: browser, IP: "203.0.113.7", Begun: ago(3 * time.Hour), Seen: Now, Current: true},
		{ID: "0193d5f4-7a1b-7c2e-8f3a-5b6d8e9f0a22", Browser: "Mozilla/5.0 (iPhone) Safari/605", IP: "2001:db8::7", Begun: ago(5 * time.Hour), Seen: ago(time.Hour)},
		{ID: "0193d5f4-7a1b-7c2e-8f3a-5b6d8e9f0a23", Browser: "", Begun: ago(time.Minute), Seen: ago(time.Minute), Pending: true},
	}
}

func devices() []ui.DeviceRow {
	return []ui.DeviceRow{
		{ID: "0193d5f4-7a1b-7c2e-8f3a-5b6d8e9f0a31", Browser: browser, IP: "203.0.113.7", Since: ago(90 * day), Seen: ago(3 * time.Hour), Remembered: in(29 * day), Current: true},
		{ID: "0193d5f4-7a1b-7c2e-8f3a-5b6d8e9f0a32", Browser: "curl/8", Since: ago(200 * day), Seen: ago(200 * day)},
	}
}
