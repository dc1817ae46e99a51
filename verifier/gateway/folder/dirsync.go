package folder

import "sync"

// dirSync syncs one folder for many callers: those who come while a sync runs share the next one.
type dirSync struct {
	running sync.Mutex // held while the folder is synced

	mu   sync.Mutex // guards next, and its callers
	next *syncBatch // that begins after the running one; nil: nobody waits
}

// syncBatch is one sync, and what came of it.
type syncBatch struct {
	callers int // who share it; under mu

	done bool // under running, as err
	err  error
}

// do calls sync, unless another caller of do calls it later than this one came: then it returns what that call returned.
func (d *dirSync) do(sync func() error) error {
	d.mu.Lock()
	if d.next == nil {
		d.next = &syncBatch{}
	}
	mine := d.next
	mine.callers++
	d.mu.Unlock()
	d.running.Lock()
	defer d.running.Unlock()
	if mine.done {
		return mine.err
	}
	d.mu.Lock()
	if d.next == mine { // who comes now needs a later one
		d.next = nil
	}
	d.mu.Unlock()
	mine.err = sync()
	mine.done = true
	return mine.err
}
