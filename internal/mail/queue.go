package mail

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/seal"
)

// Queue takes mails in the transaction of the change that they are about (Put), sealed, and sends
// them in the background (Run), so that a request takes the same time whether there is somebody to
// write to or not, and a mail that was taken survives the end of the process. A mail is
// sent at least once: a mail that the server took right before the process was killed is
// sent again. It is tried until its Terms.Expires; a mail that the server refuses for good is
// given up after a few attempts.
//
// Each Class has its own lane, in which one mail is sent after the other. Sources take
// turns there: the tenth mail of a source that sends many waits until the first mail of
// another source has left.
type Queue struct {
	store  kv.Store
	sealer *seal.Sealer
	hide   []byte // key of the hashes that stand for targets, sources and slots
	sender Sender
	log    *slog.Logger
	now    func() time.Time
	grace  time.Duration
	wake   map[Class]chan struct{} // holds one when a mail was put
}

// QueueConfig says what a Queue is made of. Store, Sealer and Sender must be set.
type QueueConfig struct {
	Store  kv.Store
	Sealer *seal.Sealer // its keys are derived from this one
	Sender Sender       // sends the mails; its answer is final

	Grace  time.Duration    // how long mails that wait may take to leave when Run ends
	Clock  func() time.Time // time.Now where it is nil
	Logger *slog.Logger     // nil discards
}

// NewQueue makes a Queue. One process at a time runs Run on a store, and sends what any process has put.
func NewQueue(cfg QueueConfig) (*Queue, error) {
	q := &Queue{store: cfg.Store, sender: cfg.Sender, grace: cfg.Grace, now: cfg.Clock, log: cfg.Logger, wake: map[Class]chan struct{}{}}
	if q.log == nil {
		q.log = slog.New(slog.DiscardHandler)
	}
	if q.now == nil {
		q.now = time.Now
	}
	for class := range rooms {
		q.wake[class] = make(chan struct{}, 1)
	}
	var err error
	q.sealer, err = cfg.Sealer.Derive("mail queue")
	if err == nil {
		q.hide, err = cfg.Sealer.DeriveKey("mail queue shares")
	}
	if err != nil {
		return nil, fmt.Errorf("mail: derive keys: %w", err)
	}
	return q, nil
}

// Keys of the store, below which a queue keeps its records:
//
//	mail/out/<class>/<turn>        waiting
//	mail/slot/<class>/<hash>       the key of the mail in a slot
//	mail/from/<class>/<hash>       share of a source
//	mail/to/<class>/<hash>         share of a target
//	mail/all/<class>               share of all
const outPrefix = "mail/out/"

// turnEach is the distance between the mails of one source in their lane.
const turnEach = time.Minute

// waiting is a mail in the store. Outside of Sealed, it names people only by hashes.
type waiting struct {
	ID      string    `json:"id"` // of this mail, at random: another one can take its place under the same key
	Class   Class     `json:"class"`
	Slot    string    `json:"slot,omitempty"`
	From    string    `json:"from"`
	To      string    `json:"to"`
	Expires time.Time `json:"expires"`
	Sealed  []byte    `json:"sealed"` // a Message as JSON
}

// share counts mails that wait.
type share struct {
	N    int    `json:"n"`
	Last int64  `json:"last,omitempty"` // turn of the last one, Unix milliseconds
	Put  string `json:"put,omitempty"`  // id of the last one; of the share of all only
}

// sealedAs is the name under which a mail is sealed.
func (w waiting) sealedAs(key string) string {
	return key + "|" + w.ID + "|" + w.Expires.UTC().Format(time.RFC3339Nano)
}

// Put takes a mail within the transaction of the change that it is about: both are made, or
// neither. It returns ErrFull if there is no place for the mail, and ErrMessage if the mail is invalid;
// then it has written nothing, and the caller decides whether to make the change without the mail.
//
// A Message without To is a blank: it waits like any other, and is dropped when its turn
// comes. So the fate of a mail does not show whether there is somebody to write to.
func (q *Queue) Put(tx kv.Tx, m Message) error {
	if m.Terms.Class == "" {
		m.Terms.Class = Strangers
	}
	blank := m
	if m.To == "" {
		blank.To = blankAddress
	}
	if err := blank.check(); err != nil {
		return err
	}
	t := m.Terms
	if t.Expires.IsZero() {
		t.Expires = q.now().Add(rooms[t.Class].life)
	}
	w := waiting{
		ID: randomName(), Class: t.Class, From: q.hash("from", t.Source), To: q.hash("to", t.Target), Expires: t.Expires.UTC(),
	}
	if t.Slot != "" {
		w.Slot = q.hash("slot", t.Slot)
	}
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	if err := q.place(tx, w, text); err != nil {
		if !errors.Is(err, ErrFull) {
			err = fmt.Errorf("mail: the queue: %w", err)
		}
		return err
	}
	tx.OnCommit(func() { q.wakeLane(w.Class) })
	return nil
}

// blankAddress stands for the recipient of a blank where a mail is checked.
const blankAddress = "nobody@localhost"

// Nobody does the work of Put for a mail that goes to nobody, but takes no place, so that the
// duration of a request does not show whether there is somebody to write to.
func (q *Queue) Nobody(tx kv.Tx, m Message) error {
	m.To = blankAddress
	m.Terms.Class, m.Terms.Slot, m.Terms.Target, m.Terms.Source = nobody, "nobody", "nobody", "nobody"
	return q.Put(tx, m)
}

// place stores a mail under its turn and counts it in its shares. If a share is full it writes nothing.
func (q *Queue) place(tx kv.Tx, w waiting, text []byte) error {
	key, old, err := q.inSlot(tx, w)
	if err != nil {
		return err
	}
	if err := hasRoom(tx, w, old); err != nil {
		return err
	}
	if key != "" {
		if err := q.remove(tx, key, ""); err != nil {
			return err
		}
	}
	turn, err := q.count(tx, w)
	if err != nil {
		return err
	}
	if key == "" {
		key = fmt.Sprintf("%s%s/%016x-%s", outPrefix, w.Class, turn, w.ID)
	}
	if w.Slot != "" {
		if err := tx.Put([]byte(w.slotKey()), []byte(key)); err != nil {
			return err
		}
	}
	w.Sealed = q.sealer.Seal(nil, text, w.sealedAs(key))
	return kv.PutJSON(tx, key, w)
}

// inSlot returns the mail that w replaces, or an empty key if there is none.
func (q *Queue) inSlot(tx kv.Tx, w waiting) (key string, old waiting, err error) {
	if w.Slot == "" {
		return "", old, nil
	}
	b, err := tx.Get([]byte(w.slotKey()))
	if errors.Is(err, kv.ErrNotFound) {
		return "", old, nil
	}
	if err == nil {
		err = kv.GetJSON(tx, string(b), &old)
	}
	if errors.Is(err, kv.ErrNotFound) {
		return string(b), waiting{}, nil
	}
	return string(b), old, err
}

// hasRoom returns ErrFull if a share has no place for w even without old.
func hasRoom(tx kv.Tx, w, old waiting) error {
	leaves := old.shares()
	for key, most := range w.shares() {
		var s share
		err := kv.GetJSON(tx, key, &s)
		if err != nil && !errors.Is(err, kv.ErrNotFound) {
			return err
		}
		if _, ok := leaves[key]; ok {
			s.N--
		}
		if s.N >= most {
			return ErrFull
		}
	}
	return nil
}

// count takes a place in each share and returns the mail's turn.
func (q *Queue) count(tx kv.Tx, w waiting) (turn int64, err error) {
	now := q.now().UnixMilli()
	for key, most := range w.shares() {
		var s share
		err := kv.GetJSON(tx, key, &s)
		if err != nil && !errors.Is(err, kv.ErrNotFound) {
			return 0, err
		}
		s.N++
		if key == allKey(w.Class) {
			s.Put = w.ID
		}
		if key == w.fromKey() {
			turn = now
			if s.N > 1 { // a clock that was set back does not bring it forward
				turn = max(now, min(s.Last, now+int64(most)*turnEach.Milliseconds())+turnEach.Milliseconds())
			}
			s.Last = turn
		}
		if err := kv.PutJSON(tx, key, s); err != nil {
			return 0, err
		}
	}
	return turn, nil
}

// remove removes a mail and frees its places, unless another mail has taken its key: then
// the id differs from the one given. "" matches any id.
func (q *Queue) remove(tx kv.Tx, key, id string) error {
	var w waiting
	err := kv.GetJSON(tx, key, &w)
	if errors.Is(err, kv.ErrNotFound) || err == nil && id != "" && w.ID != id {
		return nil
	}
	if err != nil {
		return err
	}
	for at := range w.shares() {
		var s share
		err := kv.GetJSON(tx, at, &s)
		if err != nil && !errors.Is(err, kv.ErrNotFound) {
			return err
		}
		s.N--
		if s.N > 0 {
			err = kv.PutJSON(tx, at, s)
		} else {
			err = tx.Delete([]byte(at))
		}
		if err != nil {
			return err
		}
	}
	if w.Slot != "" {
		if err := tx.Delete([]byte(w.slotKey())); err != nil {
			return err
		}
	}
	return tx.Delete([]byte(key))
}

func (w waiting) slotKey() string { return "mail/slot/" + string(w.Class) + "/" + w.Slot }
func (w waiting) fromKey() string { return "mail/from/" + string(w.Class) + "/" + w.From }

// shares returns the counters in which a mail takes a place, with the limit of each.
func (w waiting) shares() map[string]int {
	r := rooms[w.Class]
	return map[string]int{w.fromKey(): r.source, "mail/to/" + string(w.Class) + "/" + w.To: r.target, allKey(w.Class): r.all}
}

func allKey(c Class) string { return "mail/all/" + string(c) }

// hash returns what stands for a name in the store, because names in a queue would show who asked for what.
func (q *Queue) hash(what, name string) string {
	h := hmac.New(sha256.New, q.hide)
	fmt.Fprintf(h, "%s\x00%s", what, name)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// wakeLane wakes the lane of a class.
func (q *Queue) wakeLane(c Class) {
	select {
	case q.wake[c] <- struct{}{}:
	default:
	}
}

// wakeForOthers wakes the lanes for which any process has put a mail, until ctx ends.
func (q *Queue) wakeForOthers(ctx context.Context) {
	seen := make(map[Class]string)
	err := kv.Follow(ctx, q.store, func(ctx context.Context) error {
		now, err := q.lastPut(ctx)
		if err != nil {
			return err
		}
		for class, id := range now {
			if id != "" && id != seen[class] {
				q.wakeLane(class)
			}
		}
		seen = now
		return nil
	}, nil)
	if err != nil && ctx.Err() == nil {
		q.log.WarnContext(ctx, "mails of other processes are noticed late", "error", err)
	}
}

// lastPut returns the id of the last mail that was put in each class where mails wait.
func (q *Queue) lastPut(ctx context.Context) (out map[Class]string, err error) {
	err = q.store.View(ctx, func(r kv.Reader) error {
		out = make(map[Class]string)
		classes := slices.Collect(maps.Keys(rooms))
		keys := make([][]byte, len(classes))
		for i, c := range classes {
			keys[i] = []byte(allKey(c))
		}
		found, err := r.GetMany(keys)
		if err != nil {
			return err
		}
		for i, b := range found {
			var s share
			if b == nil {
				continue
			}
			err := json.Unmarshal(b, &s)
			if err != nil {
				return fmt.Errorf("mail: the record %q is damaged: %w", keys[i], err)
			}
			out[classes[i]] = s.Put
		}
		return nil
	})
	return out, err
}

// Waiting returns how many mails wait to be sent, or to be tried again.
func (q *Queue) Waiting(ctx context.Context) (n int, err error) {
	err = q.store.View(ctx, func(r kv.Reader) error {
		n = 0
		for class := range rooms {
			var s share
			err := kv.GetJSON(r, allKey(class), &s)
			if err != nil && !errors.Is(err, kv.ErrNotFound) {
				return err
			}
			if class != nobody {
				n += s.N
			}
		}
		return nil
	})
	return n, err
}
