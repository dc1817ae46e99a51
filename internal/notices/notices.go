package notices

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/rind-dev/rind/internal/kv"
)

// Notice tells one person of one thing. It holds no secret.
type Notice struct {
	Kind Kind      `json:"kind"`
	User string    `json:"user"` // id of the account that it concerns
	At   time.Time `json:"at"`   // when it happened

	// Username and Email say whom to write to, as they were then; if they are "",
	// the account's verified address is looked up when the mail is sent.
	Username string `json:"username,omitempty"`
	Email    string `json:"email,omitempty"`

	// By is the username of the person who did it, if that is another person: then IP
	// and Agent are that person's private matter, and not told.
	By    string `json:"by,omitempty"`
	IP    string `json:"ip,omitempty"`    // of the person who did it
	Agent string `json:"agent,omitempty"` // User-Agent header

	Details Details `json:"details,omitzero"` // as the Kind has them
}

// Limits of what waits.
const (
	maxText    = 4096 // bytes of a text of Details; more is cut off
	maxList    = 100  // names of a list of Details; more are left out
	maxName    = 256  // bytes of one of them
	maxWaiting = 20   // notices of one kind to one person that are kept whole; the rest are counted

	maxBundle = kv.MaxValue / 2 // bytes of the notices kept whole; the first is always smaller and not checked
)

// Mails of one kind to one person: at most burst within window; the last of them tells
// everything that waits.
const (
	burst  = 3
	window = 10 * time.Minute
)

const outPrefix = "notices/out/"

func outKey(user string, kind Kind) string { return outPrefix + user + "/" + string(kind) }

// bundle holds, in the store, what is to be told to one person of one kind.
type bundle struct {
	// Serial is random in a new bundle, and raised whenever notices leave it: who read the bundle
	// before takes none of the others out.
	Serial uint64 `json:"serial"`

	Waiting []Notice    `json:"waiting,omitempty"` // oldest first, maxWaiting at most
	More    int         `json:"more,omitempty"`    // how many came when Waiting was full
	Sent    []time.Time `json:"sent,omitempty"`    // mails within window, oldest first

	Tries   int       `json:"tries,omitempty"`  // failed in a row
	Failing time.Time `json:"failing,omitzero"` // since when
	Next    time.Time `json:"next,omitzero"`    // when it is tried again
}

// Outbox holds the notices of a store. It is safe for concurrent use, and any number of processes
// may run Run or Pass on one store: each notice is handed over once.
type Outbox struct {
	store kv.Store
	now   func() time.Time
	log   *slog.Logger
	wake  chan struct{} // holds one when something was put
	pass  sync.Mutex    // held while one Pass runs
}

// New makes the Outbox of a store. A nil clock is time.Now, a nil log discards.
func New(store kv.Store, clock func() time.Time, log *slog.Logger) *Outbox {
	if clock == nil {
		clock = time.Now
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Outbox{store: store, now: clock, log: log, wake: make(chan struct{}, 1)}
}

// Put writes a notice in the transaction of the change that it tells of, unless its user
// does not want its kind. An invalid notice is a mistake of the caller.
func (o *Outbox) Put(tx kv.Tx, n Notice) error {
	i, ok := n.Kind.info()
	switch {
	case !ok:
		return fmt.Errorf("notices: %q is no kind", n.Kind)
	case n.User == "" || len(n.User) > 64 || strings.Contains(n.User, "/"):
		return fmt.Errorf("notices: %s: %q is no id of a user", n.Kind, n.User)
	case n.At.IsZero():
		return fmt.Errorf("notices: %s: it has no time", n.Kind)
	}
	if want, err := wanted(tx, n.User, i); err != nil || !want {
		return err
	}
	var b bundle
	key := outKey(n.User, n.Kind)
	err := kv.GetJSON(tx, key, &b)
	if err != nil && !errors.Is(err, kv.ErrNotFound) {
		return err
	}
	if b.Serial == 0 {
		b.Serial = rand.Uint64()>>1 | 1
	}
	if err := b.add(n.bounded()); err != nil {
		return err
	}
	if err := kv.PutJSON(tx, key, b); err != nil {
		return err
	}
	tx.OnCommit(o.wakeRun)
	return nil
}

// add keeps a notice whole if there is room for it, and only counts it otherwise: no change
// fails because the people whom it concerns have many other notices waiting.
func (b *bundle) add(n Notice) error {
	if len(b.Waiting) == maxWaiting {
		b.More++
		return nil
	}
	with := bundle{Waiting: append(b.Waiting, n)}
	content, err := json.Marshal(with)
	if err != nil {
		return fmt.Errorf("notices: encode what waits: %w", err)
	}
	if len(content) > maxBundle && len(b.Waiting) > 0 {
		b.More++
		return nil
	}
	b.Waiting = with.Waiting
	return nil
}

// bounded returns n as it is stored.
func (n Notice) bounded() Notice {
	n.At, n.Agent = n.At.UTC(), cut(n.Agent, 512)
	n.Details = n.Details.bounded()
	return n
}

// cut returns at most limit bytes of s, in whole characters.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// wakeRun wakes Run.
func (o *Outbox) wakeRun() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// lookEach is how often, at least, a Run looks for what waits: a process that was killed leaves its notices to others.
const lookEach = time.Minute

// Run hands over what waits with deliver until ctx ends; see Pass. Between two passes
// it rests for twenty times as long as a pass takes, a minute at most, so that a store
// where much waits is not searched all the time.
func (o *Outbox) Run(ctx context.Context, deliver Deliver) {
	for {
		begin := time.Now()
		next, err := o.Pass(ctx, deliver)
		if !sleep(ctx, min(20*time.Since(begin), time.Minute)) {
			return
		}
		wait := lookEach
		switch {
		case err != nil && ctx.Err() == nil:
			o.log.WarnContext(ctx, "mails that wait were not looked at", "error", err)
			wait = time.Minute
		case !next.IsZero():
			wait = min(wait, max(next.Sub(o.now()), 0))
		}
		t := time.NewTimer(wait)
		select {
		case <-o.wake:
		case <-t.C:
		case <-ctx.Done():
		}
		t.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// sleep waits, and tells whether ctx has not ended.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
