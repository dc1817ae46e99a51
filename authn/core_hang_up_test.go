package authn

import (
	"context"
	"testing"

	"github.com/rind-dev/rind/authn/password"
)

// hangsUp is a hasher during whose work the client goes.
type hangsUp struct {
	password.Function
	hangUp context.CancelFunc
}

func (h *hangsUp) Check(password, hash string) (bool, bool, error) {
	h.hangUp()
	return h.Function.Check(password, hash)
}

// Who asks for a link to somebody's account and hangs up is in the trail as who waits.
func TestAResetWhoseClientIsGoneIsRecorded(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	for account, login := range map[string]string{root.UserID: root.name, "": "nobody"} {
		ctx, hangUp := context.WithCancel(t.Context())
		hangUp()
		if err := e.Passwords.RequestReset(ctx, from("198.51.100.1"), login); err != nil {
			t.Errorf("%s: %v", login, err)
		}
		if e.kinds(account)[rowResetAsked] != 1 {
			t.Errorf("%s: no row", login)
		}
	}
}

// Who hangs up while a guess is checked keeps it out of neither the trail nor the count.
func TestAGuessWhoseClientIsGoneIsRecorded(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	h := &hangsUp{Function: e.hash.Function}
	e.hash.Function = h
	for _, login := range []string{root.name, "nobody"} {
		before := e.kinds("")[rowSignInFailed] + e.kinds(root.UserID)[rowSignInFailed]
		for range 3 {
			ctx, hangUp := context.WithCancel(t.Context())
			h.hangUp = hangUp
			_, err := e.Sessions.SignIn(ctx, from("198.51.100.1"), login, "wrong")
			wantProblem(t, err, "", CodeSignInFailed)
		}
		if n := e.kinds("")[rowSignInFailed] + e.kinds(root.UserID)[rowSignInFailed]; n != before+3 {
			t.Errorf("%s: %d rows, want %d", login, n, before+3)
		}
	}
}
