package pgkv

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/kv"
)

// version reads the version of a store as another client sees it.
func version(t *testing.T, c *conn, schema string) string {
	t.Helper()
	results, err := c.pg.Exec(t.Context(), "select version from "+schema+".version").ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return string(results[0].Rows[0][0])
}

// A store that went back while the answer to a commit was awaited: the outcome is unknown, the handle is over, and the
// store's version is left alone, since raising it would hide from others that it went back.
func TestAStoreThatWentBackIsNotFenced(t *testing.T) {
	schema := newSchema()
	s := open(t, shared(t).URL(), schema)
	for range 5 {
		if err := s.Update(t.Context(), func(tx kv.Tx) error { return increase(tx, "n") }); err != nil {
			t.Fatal(err)
		}
	}
	admin, err := s.dial(t.Context(), "on")
	if err != nil {
		t.Fatal(err)
	}
	defer admin.close()
	s.writer <- struct{}{}
	if err := admin.exec("update " + schema + ".version set version = 3"); err != nil {
		t.Fatal(err)
	}
	s.drop()
	out, err := s.resolve(errLost)
	s.unlock()
	if out != unknown || !errors.Is(err, kv.ErrUnknown) || !errors.Is(err, kv.ErrRewound) || errors.Is(err, kv.ErrUnavailable) {
		t.Errorf("outcome %d, %v; want ErrUnknown and ErrRewound", out, err)
	}
	if got := version(t, admin, schema); got != "3" {
		t.Errorf("the version of the store that went back is %s, want 3", got)
	}
	if err := s.View(t.Context(), func(kv.Reader) error { return nil }); !errors.Is(err, kv.ErrRewound) {
		t.Errorf("a View afterwards: %v, want ErrRewound", err)
	}
}

// A function that wrote nothing shares a group whose outcome is unknown, and its caller has gone: nothing of it is unknown.
func TestUnknownOfOthers(t *testing.T) {
	p, schema := newProxy(t, shared(t).Dir), newSchema()
	s := openThrough(t, p, schema, waits{fault: 200 * time.Millisecond, answer: 2 * time.Second, resolve: 200 * time.Millisecond})
	p.set(beforeCommit, 0)
	p.mu.Lock()
	p.refuse = true // those that are open stay
	p.mu.Unlock()
	holding, release := make(chan struct{}), make(chan struct{})
	wrote, read := make(chan error, 1), make(chan error, 1)
	go func() {
		wrote <- s.Update(context.Background(), func(tx kv.Tx) error {
			close(holding)
			<-release
			return increase(tx, "n")
		})
	}()
	<-holding
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		read <- s.Update(ctx, func(kv.Tx) error {
			cancel()
			return nil
		})
	}()
	for s.waiting.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	close(release)
	if err := <-wrote; !errors.Is(err, kv.ErrUnknown) || errors.Is(err, kv.ErrUnavailable) {
		t.Errorf("who wrote: %v, want ErrUnknown", err)
	}
	if err := <-read; !errors.Is(err, kv.ErrUnavailable) || errors.Is(err, kv.ErrUnknown) {
		t.Errorf("who wrote nothing: %v, want ErrUnavailable", err)
	}
}

// A View that walks over more than may be read at once does not keep all of it in memory.
func TestALongViewForgets(t *testing.T) {
	s := open(t, shared(t).URL(), newSchema())
	const n = 40
	for half := range 2 {
		if err := s.Update(t.Context(), func(tx kv.Tx) error {
			for i := half * n / 2; i < (half+1)*n/2; i++ {
				value := make([]byte, kv.MaxValue)
				value[0] = byte(i)
				if err := tx.Put(fmt.Appendf(nil, "k/%02d", i), value); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.View(t.Context(), func(r kv.Reader) error {
		m := r.(*viewReader).m
		bounded := func() {
			kept := 0
			for k, v := range m.known {
				kept += len(k) + len(v)
			}
			for _, page := range m.pages {
				for _, p := range page {
					kept += len(p.Key) + len(p.Value)
				}
			}
			if kept > 2*maxRemembered {
				t.Errorf("%d bytes are remembered", kept)
			}
		}
		for i := range 2 * n {
			v, err := r.Get(fmt.Appendf(nil, "k/%02d", i%n))
			if err != nil || v[0] != byte(i%n) {
				return fmt.Errorf("key %d: %v", i%n, err)
			}
			bounded()
		}
		i := 0
		for p, err := range kv.Each(r, []byte("k/"), nil, false) {
			if err != nil {
				return err
			}
			if p.Value[0] != byte(i) {
				return fmt.Errorf("pair %d is %s", i, p.Key)
			}
			i++
			bounded()
		}
		if i != n {
			return fmt.Errorf("%d pairs, want %d", i, n)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// A handle whose use has ended asks the server nothing more.
func TestAHandleThatIsOverIsSilent(t *testing.T) {
	p, schema := newProxy(t, shared(t).Dir), newSchema()
	s := openThrough(t, p, schema, defaultWaits)
	if err := s.Update(t.Context(), func(tx kv.Tx) error { return increase(tx, "n") }); err != nil {
		t.Fatal(err)
	}
	admin, err := s.dial(t.Context(), "on")
	if err != nil {
		t.Fatal(err)
	}
	defer admin.close()
	if err := admin.exec("update " + schema + ".version set generation = 9"); err != nil {
		t.Fatal(err)
	}
	for until := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, err := s.Watch(t.Context(), 0); errors.Is(err, kv.ErrSuperseded) {
			break
		} else if time.Now().After(until) {
			t.Fatalf("Watch: %v", err)
		}
	}
	time.Sleep(pollInterval / 2) // what was under way
	count := func() int {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.syncs
	}
	before := count()
	time.Sleep(2 * pollInterval)
	if n := count() - before; n > 2 {
		t.Errorf("%d round trips of a handle that is over", n)
	}
}

// A stamp that the server has refused is not one that this handle may meet later.
func TestARefusedRestampIsForgotten(t *testing.T) {
	schema := newSchema()
	s := open(t, shared(t).URL(), schema)
	admin, err := s.dial(t.Context(), "on")
	if err != nil {
		t.Fatal(err)
	}
	defer admin.close()
	if err := admin.exec("alter table " + schema + ".version add constraint low check (generation < 5)"); err != nil {
		t.Fatal(err)
	}
	if err := s.Restamp(t.Context(), kv.Stamp{Generation: 7, Layout: kv.Layout}); !errors.Is(err, kv.ErrUnavailable) {
		t.Errorf("a refused Restamp: %v", err)
	}
	if err := s.Update(t.Context(), func(tx kv.Tx) error { return increase(tx, "n") }); err != nil {
		t.Errorf("an Update afterwards: %v", err)
	}
	if err := errors.Join(admin.exec("alter table "+schema+".version drop constraint low"),
		admin.exec("update "+schema+".version set generation = 7")); err != nil { // by somebody else
		t.Fatal(err)
	}
	if err := s.Update(t.Context(), func(tx kv.Tx) error { return increase(tx, "n") }); !errors.Is(err, kv.ErrSuperseded) {
		t.Errorf("an Update after another gave the store that stamp: %v, want ErrSuperseded", err)
	}
}

// A read that began before this handle gave the store a stamp may have seen the one before, and ends afterwards. That the handle was
// superseded is not what it shows.
func TestAReadBesideARestamp(t *testing.T) {
	s := open(t, shared(t).URL(), newSchema())
	c, err := s.connect()
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	m := s.newMoment(c, false)
	answers, err := c.run(call{name: getVersion})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Restamp(t.Context(), kv.Stamp{Generation: 7, Layout: kv.Layout}); err != nil {
		t.Fatal(err)
	}
	if err := m.check(answers[0]); err != nil {
		t.Errorf("what was read before the Restamp: %v", err)
	}
	if err := s.Update(t.Context(), func(tx kv.Tx) error { return increase(tx, "n") }); err != nil {
		t.Errorf("an Update afterwards: %v", err)
	}
	if err := s.newMoment(c, false).check(answers[0]); !errors.Is(err, kv.ErrSuperseded) {
		t.Errorf("the stamp before, in a read that began afterwards: %v, want ErrSuperseded", err)
	}
}
