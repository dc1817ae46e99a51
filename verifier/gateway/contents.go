package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"time"

	"github.com/rind-dev/rind/internal/dist"
	"github.com/rind-dev/rind/verifier/gateway/archive"
)

// A bounded number of goroutines reads archives: each takes up to 16 MiB of memory and a processor.
const (
	minReads     = 4
	readWait     = time.Minute
	readTime     = time.Minute // at most, and a second more for each MiB
	bytesASecond = 1 << 20
)

// readSlots bounds how many archives are read at once.
func readSlots() slots {
	all := max(minReads, 2*runtime.GOMAXPROCS(0))
	return slots{all: all, owner: all / 2, token: all / 2, wait: readWait, taken: map[share]int{}, freed: make(chan struct{})}
}

var errSlowRead = &Refusal{Status: http.StatusServiceUnavailable, RetryAfter: busyTime,
	Reason: "The file could not be checked in time. Try again later."}

// aheadSize is how much of a file has arrived when the gateway begins to unpack it: most files are whole by then.
const aheadSize = 1 << 20

// unpackAhead begins to unpack a large zip file, or goes on to do so, as far as it has arrived.
func (in *intake) unpackAhead() {
	switch {
	case in.ahead != nil:
		in.ahead.Arrived(in.up.Size)
	case in.up.Size >= aheadSize && strings.HasPrefix(dist.Magic(in.up.Filename), "PK"):
		owner := holder{in.who.TokenID, in.who.UserID}.shares()[1]
		in.ahead = archive.NewAhead(in.staged, func(whole, quit <-chan struct{}) func() { return in.g.aheadTurns.take(owner, whole, quit) })
		in.ahead.Arrived(in.up.Size)
	}
}

// checkContents reads the whole archive and checks that its metadata matches the upload: an installer relies on what
// is inside.
func (in *intake) checkContents(h holder) error {
	free, err := in.g.reads.take(in.ctx, h)
	if err != nil {
		return err
	}
	defer free()
	ctx, cancel := context.WithTimeout(in.ctx, readTime+time.Duration(in.up.Size/bytesASecond)*time.Second)
	defer cancel()
	err = archive.Check(ctx, in.staged, in.up.Size, archive.Want{
		Filename: in.up.Filename, Project: in.up.Project, Version: in.up.Version, Metadata: &in.up.Metadata, Ahead: in.ahead,
	})
	var fault *archive.Fault
	switch {
	case errors.As(err, &fault):
		return refused("Invalid distribution file. %s", fault.Sentence)
	case errors.Is(err, context.DeadlineExceeded) && in.ctx.Err() == nil:
		return errSlowRead
	case err != nil:
		return fmt.Errorf("%w: %w", errStore, err)
	}
	return nil
}
