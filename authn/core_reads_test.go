package authn

import (
	"context"
	"testing"

	"github.com/rind-dev/rind/internal/kv"
)

// updates is a store whose Updates count, and do nothing else.
type updates struct {
	kv.Store
	n int
}

func (u *updates) Update(ctx context.Context, fn func(kv.Tx) error) error {
	u.n++
	return u.Store.Update(ctx, fn)
}

// What strangers send and is refused at once only reads: they keep no writer waiting, on this process or another.
func TestRefusedAttemptsOnlyRead(t *testing.T) {
	e := newEnv(t, withKeys)
	root := e.admin()
	used := e.mails.mails[0].link
	e.wrongs(10, home, "root")
	for range 200 {
		if _, _, err := e.SecurityKeys.BeginPasskey(t.Context(), home); err != nil {
			t.Fatal(err)
		}
	}
	forged := Secret("A" + used[1:])
	if forged == used {
		forged = "B" + used[1:]
	}
	store := &updates{Store: e.once}
	e.useStore(store)
	ctx := t.Context()
	_, err := e.Sessions.SignIn(ctx, home, "root", root.password)
	wantErr(t, err, ErrThrottled)
	_, _, err = e.SecurityKeys.BeginPasskey(ctx, home)
	wantErr(t, err, ErrThrottled)
	for link, code := range map[Secret]string{forged: CodeLinkInvalid, used: CodeLinkUsed} {
		_, err := e.Addresses.Verify(ctx, home, link)
		wantProblem(t, err, "", code)
	}
	_, err = e.Addresses.ConfirmChange(ctx, home, forged)
	wantProblem(t, err, "", CodeLinkInvalid)
	_, err = e.Addresses.UndoChange(ctx, home, forged)
	wantProblem(t, err, "", CodeLinkInvalid)
	if store.n > 0 {
		t.Errorf("refused attempts run %d Updates", store.n)
	}
}
