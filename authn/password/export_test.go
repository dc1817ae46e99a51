package password

import "time"

// SetPatience changes how long a server is waited for.
func (b *BreachRange) SetPatience(d time.Duration) { b.client.Timeout = d }
