package mail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/seal"
)

// What was taken is in the store until it is sent, whatever becomes of the process; and
// there it is sealed.
func TestQueueSurvivesARestart(t *testing.T) {
	p := newPost(t)
	p.relay.fail = func(Message) error { return errDown }
	p.must(p.send(Security, "ada@example.org", "ada", "undo"))
	p.must(p.send(Strangers, "bob@example.org", "198.51.100.7", "verify"))
	p.run(func() bool { tried, _ := p.relay.all(); return len(tried) >= 2 })
	p.waits(2)
	p.must(p.store.Close())
	b, err := os.ReadFile(p.path)
	p.must(err)
	for _, secret := range []string{"secret-of", "ada@example.org", "bob@example.org", "198.51.100.7"} {
		if bytes.Contains(b, []byte(secret)) {
			t.Errorf("the store holds %q in the clear", secret)
		}
	}
	p.relay.fail = nil
	p.open()
	p.run(func() bool { _, sent := p.relay.all(); return len(sent) == 2 })
	if _, sent := p.relay.all(); !slices.Contains(sent, "undo") || !slices.Contains(sent, "verify") {
		t.Errorf("sent %q", sent)
	}
	p.waits(0)
	p.must(p.store.View(t.Context(), func(r kv.Reader) error {
		left, err := r.Scan([]byte("mail/"), nil, 0, false)
		for _, x := range left {
			t.Errorf("the queue is empty and the store has %s", x.Key)
		}
		return err
	}))
}

// A mail that can't be sent waits as long as its link is good, and no longer.
func TestQueueKeepsAMailAsLongAsItsLink(t *testing.T) {
	p := newPost(t)
	p.relay.fail = func(Message) error { return errDown }
	p.must(p.send(Strangers, "bob@example.org", "x", "long"))
	l := p.lane(Strangers)
	for p.clock().Before(time.Date(2026, 11, 29, 11, 59, 0, 0, time.UTC)) {
		p.passOf(l)
		p.pass(unreached) // none waits longer
	}
	p.waits(1)
	tried, _ := p.relay.all()
	if len(tried) < 100 {
		t.Errorf("only %d attempts in a day", len(tried))
	}
	p.pass(2 * time.Minute)
	p.passOf(l)
	if again, _ := p.relay.all(); len(again) != len(tried) {
		t.Error("a mail was tried whose link is over")
	}
	p.waits(0)
}

// Where the server can't be reached one mail at a time finds out, and as soon as it is back all
// are sent.
func TestQueueWhileTheServerIsAway(t *testing.T) {
	p := newPost(t)
	p.relay.fail = func(Message) error { return errDown }
	for i := range 20 {
		p.must(p.send(Strangers, fmt.Sprintf("p%d@example.org", i), fmt.Sprint(i), fmt.Sprint(i)))
	}
	l := p.lane(Strangers)
	for range 10 {
		before, _ := p.relay.all()
		wait := p.passOf(l)
		if after, _ := p.relay.all(); len(after) > len(before)+1 || wait > 30*time.Second {
			t.Fatalf("%d attempts at once, the next in %s", len(after)-len(before), wait)
		}
		p.pass(wait)
	}
	p.relay.fail = nil
	for range 20 {
		p.pass(p.passOf(l))
	}
	if _, sent := p.relay.all(); len(sent) != 20 {
		t.Errorf("sent %d", len(sent))
	}
}

// A mail that the server refuses is given up after a few attempts, and holds up none.
func TestQueueGoesOnWhileAMailIsRefused(t *testing.T) {
	p := newPost(t)
	refusal := refusalBy(t, 550)
	p.relay.fail = func(m Message) error {
		if m.Subject == "refused" {
			return refusal
		}
		return nil
	}
	p.must(p.send(Strangers, "nobody@example.org", "a", "refused"))
	p.pass(time.Second)
	p.must(p.send(Strangers, "bob@example.org", "b", "good"))
	l := p.lane(Strangers)
	p.passOf(l)
	if _, sent := p.relay.all(); len(sent) != 1 || sent[0] != "good" {
		t.Errorf("sent %q", sent)
	}
	for range 4 * maxRefused {
		p.passOf(l)
		p.pass(10 * time.Minute)
	}
	if tried, _ := p.relay.all(); len(tried) != 1+maxRefused {
		t.Errorf("%d attempts", len(tried))
	}
	p.waits(0)
}

// Strangers who fill their places at a slow server take none of the owner's, and the owner's mail
// goes out while theirs is under way.
func TestStrangersDoNotHoldUpTheOwner(t *testing.T) {
	p := newPost(t)
	p.relay.hold = make(chan struct{}) // nobody ever lets a stranger's mail through
	taken := 0
	var err error
	for i := 0; err == nil; i++ {
		err = p.send(Strangers, fmt.Sprintf("victim%d@example.org", i), fmt.Sprintf("198.51.%d.0", i/10), "flood")
		if err == nil {
			taken++
		}
	}
	if !errors.Is(err, ErrFull) || taken != rooms[Strangers].all {
		t.Fatalf("%d mails, then %v", taken, err)
	}
	for i := 0; ; i++ {
		if err := p.send(Asked, fmt.Sprintf("u%d@example.net", i), fmt.Sprint(i), "reset"); err != nil {
			break
		}
	}
	p.must(p.send(Security, "ada@example.org", "ada", "confirm"))
	p.grace = 0
	p.run(func() bool { _, sent := p.relay.all(); return slices.Contains(sent, "confirm") })
	if _, sent := p.relay.all(); len(sent) != 1 {
		t.Errorf("sent %q", sent)
	}
}

// One source and one target have a share of the places, and a source that sends many takes turns
// with the others.
func TestQueueShares(t *testing.T) {
	p := newPost(t)
	for i := range rooms[Strangers].target {
		p.must(p.send(Strangers, "victim@example.org", fmt.Sprint("source", i), "x"))
	}
	if err := p.send(Strangers, "victim@example.org", "another", "x"); !errors.Is(err, ErrFull) {
		t.Errorf("one mailbox: %v", err)
	}
	for i := range rooms[Strangers].source {
		p.must(p.send(Strangers, fmt.Sprintf("p%d@example.org", i), "one source", fmt.Sprint("many", i)))
	}
	if err := p.send(Strangers, "q@example.org", "one source", "x"); !errors.Is(err, ErrFull) {
		t.Errorf("one source: %v", err)
	}
	p.pass(30 * time.Second)
	p.must(p.send(Strangers, "late@example.org", "another", "late"))
	p.passOf(p.lane(Strangers))
	_, sent := p.relay.all()
	if at := slices.Index(sent, "late"); at < 0 || at > rooms[Strangers].target+1 {
		t.Errorf("the first mail of another source is number %d of %d", at, len(sent))
	}
	p.must(p.send(Strangers, "victim@example.org", "another", "x")) // the places are free again
}

// A mail takes the place of the one whose link it voided, and has its own share.
func TestQueueSlots(t *testing.T) {
	p := newPost(t)
	for i := range 100 {
		m := Message{To: "ada@example.org", Subject: fmt.Sprint(i), Text: "t"}
		m.Terms = Terms{Class: Asked, Slot: "reset/ada", Target: fmt.Sprint("ada", i), Source: fmt.Sprint("net", i), Expires: p.clock().Add(time.Hour)}
		p.must(p.put(m))
	}
	p.waits(1)
	p.passOf(p.lane(Asked))
	if _, sent := p.relay.all(); !slices.Equal(sent, []string{"99"}) {
		t.Errorf("sent %q", sent)
	}
	p.waits(0)
}

// A mail that is replaced while it is sent does not take the new one with it.
func TestQueueReplacedWhileSent(t *testing.T) {
	p := newPost(t)
	put := func(name string) error {
		return p.put(Message{To: "ada@example.org", Subject: name, Text: "t", Terms: Terms{Class: Asked, Slot: "reset/ada", Target: "ada", Source: "x"}})
	}
	p.must(put("old"))
	p.relay.fail = func(m Message) error {
		if m.Subject == "old" {
			return put("new")
		}
		return nil
	}
	p.passOf(p.lane(Asked))
	if _, sent := p.relay.all(); !slices.Equal(sent, []string{"old", "new"}) {
		t.Errorf("sent %q", sent)
	}
	p.waits(0)
}

// A mail to nobody is written as any other is, and goes nowhere.
func TestQueueOfNobody(t *testing.T) {
	p := newPost(t)
	for range 3 {
		p.must(p.store.Update(t.Context(), func(tx kv.Tx) error { return p.Nobody(tx, Message{Subject: "reset", Text: "t"}) }))
	}
	p.waits(0)
	for class := range rooms {
		if class != nobody {
			p.passOf(p.lane(class))
		}
	}
	if tried, _ := p.relay.all(); len(tried) != 0 {
		t.Errorf("tried %q", tried)
	}
}

func TestQueueRefusesABadMailAtOnce(t *testing.T) {
	p := newPost(t)
	if err := p.put(Message{To: "a@example.org\nBcc: b@example.org", Subject: "s", Text: "t"}); !errors.Is(err, ErrMessage) {
		t.Errorf("a line break in an address: %v", err)
	}
	p.must(p.store.Close())
	if err := p.send(Security, "ada@example.org", "ada", "x"); !errors.Is(err, kv.ErrClosed) {
		t.Errorf("a closed store took a mail: %v", err)
	}
}

// A record that was moved to another key, or changed, is not sent.
func TestQueueSendsNothingThatWasMoved(t *testing.T) {
	p := newPost(t)
	p.must(p.send(Security, "ada@example.org", "ada", "x"))
	p.must(p.store.Update(t.Context(), func(tx kv.Tx) error {
		all, err := tx.Scan([]byte(outPrefix), nil, 0, false)
		if err != nil {
			return err
		}
		return errors.Join(tx.Delete(all[0].Key), tx.Put([]byte(outPrefix+"security/moved"), all[0].Value))
	}))
	p.passOf(p.lane(Security))
	if tried, _ := p.relay.all(); len(tried) != 0 {
		t.Errorf("tried %q", tried)
	}
}

// A mail is part of its change: it is undone with it; and where it is not taken nothing of it is written, also not what would have
// made room, so that the change may go on without it.
func TestQueueIsPartOfTheChange(t *testing.T) {
	p := newPost(t)
	undone := errors.New("no")
	m := Message{To: "ada@example.org", Subject: "x", Text: "t", Terms: Terms{Class: Members, Slot: "s", Target: "a", Source: "x"}}
	err := p.store.Update(t.Context(), func(tx kv.Tx) error { return errors.Join(p.Put(tx, m), undone) })
	if !errors.Is(err, undone) || len(p.dump()) != 0 {
		t.Errorf("%v; the store has %d records", err, len(p.dump()))
	}
	p.must(p.put(m))
	for i := range rooms[Members].target {
		p.must(p.send(Members, "full@example.org", fmt.Sprint(i), "x"))
	}
	before := p.dump()
	m.Terms.Target = "full@example.org" // there is a mail in its slot, and no place for it with its new target
	bad := m
	bad.To = "two\nlines"
	p.must(p.store.Update(t.Context(), func(tx kv.Tx) error {
		if err := p.Put(tx, m); !errors.Is(err, ErrFull) {
			t.Errorf("a target that is full: %v", err)
		}
		if err := p.Put(tx, bad); !errors.Is(err, ErrMessage) {
			t.Errorf("no address: %v", err)
		}
		return nil
	}))
	if after := p.dump(); !slices.EqualFunc(before, after, func(a, b kv.Pair) bool { return bytes.Equal(a.Key, b.Key) && bytes.Equal(a.Value, b.Value) }) {
		t.Errorf("%d records before, %d after", len(before), len(after))
	}
}

// A blank takes the places of a mail, and is dropped in its turn.
func TestQueueOfBlanks(t *testing.T) {
	p := newPost(t)
	put := func(to string) error {
		return p.put(Message{To: to, Subject: "x", Text: "t", Terms: Terms{Class: Members, Target: "user bob", Source: "ada"}})
	}
	for range rooms[Members].target {
		p.must(put(""))
	}
	for _, to := range []string{"", "bob@example.org"} {
		if err := put(to); !errors.Is(err, ErrFull) {
			t.Errorf("to %q: %v", to, err)
		}
	}
	p.passOf(p.lane(Members))
	if tried, _ := p.relay.all(); len(tried) != 0 || len(p.dump()) != 0 {
		t.Errorf("tried %q; %d records are left", tried, len(p.dump()))
	}
}

// A mail that another process puts leaves at once, also one that takes the place of a mail that waits.
func TestMailsOfOtherProcesses(t *testing.T) {
	p := newPost(t)
	p.relay.fail = func(m Message) error {
		if m.Subject == "first" {
			return errors.New("not reached")
		}
		return nil
	}
	sealer, err := seal.New(bytes.Repeat([]byte{7}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewQueue(QueueConfig{Store: p.store, Sealer: sealer, Sender: p.relay, Clock: p.Queue.now})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); other.Run(ctx) }()
	defer func() { stop(); <-done }()
	for i, subject := range []string{"first", "second", "third"} {
		m := Message{To: "ada@example.org", Subject: subject, Text: "x", Terms: Terms{Class: Security, Slot: "s", Target: "ada", Source: "ada"}}
		if err := p.store.Update(ctx, func(tx kv.Tx) error { return p.Queue.Put(tx, m) }); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(lookEach / 2); ; time.Sleep(time.Millisecond) {
			if tried, _ := p.relay.all(); len(tried) == i+1 {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("%s is not tried at once", subject)
			}
		}
		p.mu.Lock()
		p.at = p.at.Add(time.Second) // the server is tried again
		p.mu.Unlock()
	}
}
