package authn

import (
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/notices"
)

// mailsOf are the mails of a kind, oldest first.
func (m *mailbox) mailsOf(kind string) (out []sentMail) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.mails {
		if s.kind == kind {
			out = append(out, s)
		}
	}
	return out
}

// undo is the last link that takes a change back, and where it went.
func (e *env) undo() sentMail {
	e.t.Helper()
	all := e.mails.mailsOf(string(PurposeEmailUndo))
	if len(all) == 0 {
		e.t.Fatal("no link takes it back")
	}
	return all[len(all)-1]
}

// move moves an account to another address.
func (e *env) move(who *person, email string) {
	e.t.Helper()
	if err := e.Addresses.RequestChange(e.t.Context(), who.Session, home, email); err != nil {
		e.t.Fatal(err)
	}
	if _, err := e.Addresses.ConfirmChange(e.t.Context(), home, e.mails.last(e.t, string(PurposeEmailChange)).link); err != nil {
		e.t.Fatal(err)
	}
}

// An account moves when the new address's reader says so, and the old one hears of it before
// and after.
func TestEmailChange(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	ctx := t.Context()
	if err := e.Addresses.RequestChange(ctx, root.Session, home, "Root@new.example"); err != nil {
		t.Fatal(err)
	}
	if row := e.wantRow(rowEmailChangeAsked, root.UserID); row.Detail["to"] != "Root@new.example" || row.Actor.UserID != root.UserID {
		t.Errorf("row %+v", row)
	}
	if m := e.undo(); m.to.Email != root.email || m.newEmail != "Root@new.example" {
		t.Errorf("mail %+v", m)
	}
	confirm := e.mails.last(t, string(PurposeEmailChange))
	if u := e.user(root.UserID); confirm.to.Email != "Root@new.example" || u.Email != root.email || !u.EmailVerified {
		t.Errorf("mail %+v, user %+v", confirm.to, u)
	}
	if email, until, err := e.Addresses.Pending(ctx, root.Session); err != nil || email != "Root@new.example" || !until.After(e.now()) {
		t.Errorf("%q %v %v", email, until, err)
	}
	if err := e.Passwords.RequestReset(ctx, home, root.email); err != nil {
		t.Fatal(err)
	}
	reset := e.mails.last(t, "reset").link
	if info, err := e.Accounts.CheckLink(ctx, PurposeEmailChange, confirm.link); err != nil || info.Username != "root" || info.Email != "Root@new.example" {
		t.Errorf("%+v %v", info, err)
	}
	if u, err := e.Addresses.ConfirmChange(ctx, home, confirm.link); err != nil || u.Email != "Root@new.example" {
		t.Fatalf("%+v %v", u, err)
	}
	if row := e.wantRow(rowEmailChanged, root.UserID); row.Detail["from"] != root.email || row.Detail["to"] != "Root@new.example" {
		t.Errorf("row %+v", row)
	}
	if m := e.mails.last(t, string(notices.EmailChanged)); m.to.Email != root.email || m.notice.Details.To != "Root@new.example" {
		t.Errorf("mail %+v", m)
	}
	_, err := e.Addresses.ConfirmChange(ctx, home, confirm.link)
	wantProblem(t, err, "", CodeLinkUsed)
	wantProblem(t, e.Passwords.Reset(ctx, home, reset, "thimble quarry 88 snow"), "", CodeLinkUsed)
	if email, _, err := e.Addresses.Pending(ctx, root.Session); err != nil || email != "" {
		t.Errorf("%q waits still: %v", email, err)
	}
	_, err = e.Sessions.SignIn(ctx, home, root.email, root.password)
	wantProblem(t, err, "", CodeSignInFailed)
	e.must(e.Sessions.SignIn(ctx, home, "root@NEW.example", root.password))
	e.mails.mails = nil
	if err := e.Addresses.RequestChange(ctx, root.Session, home, root.email); err != nil || e.mails.of(string(PurposeEmailChange)) != 1 {
		t.Errorf("the old address is not free: %v", err)
	}
}

// A capital more is a change of the words only, and keeps the place in the index.
func TestEmailChangeOfCase(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	wantProblem(t, e.Addresses.RequestChange(t.Context(), root.Session, home, root.email), "email", CodeEmailSame)
	e.move(root, "ROOT@example.org")
	if u := e.user(root.UserID); u.Email != "ROOT@example.org" {
		t.Errorf("%+v", u)
	}
	e.must(e.Sessions.SignIn(t.Context(), home, "root@example.org", root.password))
}

// Who may ask, and how often.
func TestEmailChangeRefused(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	ann := e.invited(root, "ann")
	ctx := t.Context()
	wantErr(t, e.Addresses.RequestChange(ctx, ann.Session, home, "ann@new.example"), ErrForbidden)
	wantErr(t, e.Addresses.RequestChange(ctx, e.password(root), home, "a@new.example"), ErrForbidden)
	wantProblem(t, e.Addresses.RequestChange(ctx, root.Session, home, "no address"), "email", CodeEmailInvalid)
	for range 3 {
		if err := e.Addresses.RequestChange(ctx, root.Session, home, "a@new.example"); err != nil {
			t.Fatal(err)
		}
	}
	mails := e.mails.count()
	wantErr(t, e.Addresses.RequestChange(ctx, root.Session, home, "a@new.example"), ErrThrottled)
	if e.mails.count() != mails {
		t.Error("a mail went out")
	}
	e.pass(FactorFresh + time.Second)
	wantErr(t, e.Addresses.RequestChange(ctx, root.Session, home, "b@new.example"), ErrFactorStale)
}

// Somebody else's address makes no difference that one could see: their owner is told, and
// the link to take it back goes out all the same.
func TestEmailChangeToTakenAddress(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	bob := e.member(root, "bob")
	e.refresh(root)
	ctx := t.Context()
	count := func(email string) (mails, rows int) {
		t.Helper()
		m, r := e.mails.count(), len(e.rows())
		if err := e.Addresses.RequestChange(ctx, root.Session, home, email); err != nil {
			t.Fatal(err)
		}
		return e.mails.count() - m, len(e.rows()) - r
	}
	m, r := count(bob.email)
	if got := e.mails.last(t, addressInUse); got.to.UserID != bob.UserID {
		t.Errorf("mail %+v", got)
	}
	if fm, fr := count("free@new.example"); fm != m || fr != r {
		t.Errorf("%d mails and %d rows for a free address, %d and %d for a taken one", fm, fr, m, r)
	}
	link := e.mails.last(t, string(PurposeEmailChange)).link
	bob.Session = e.signIn(bob)
	e.move(bob, "free@new.example")
	_, err := e.Addresses.ConfirmChange(ctx, home, link)
	wantProblem(t, err, "", CodeEmailTaken)
	if e.user(root.UserID).Email != root.email {
		t.Error("it moved")
	}
}

// A new password voids the link that waits, and a second wish voids the first.
func TestEmailChangeLinksInFlight(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	ctx := t.Context()
	ask := func(email string) Secret {
		t.Helper()
		if err := e.Addresses.RequestChange(ctx, root.Session, home, email); err != nil {
			t.Fatal(err)
		}
		return e.mails.last(t, string(PurposeEmailChange)).link
	}
	first, second := ask("a@new.example"), ask("b@new.example")
	_, err := e.Addresses.ConfirmChange(ctx, home, first)
	wantProblem(t, err, "", CodeLinkUsed)
	root.Session = e.must(e.Passwords.Change(ctx, root.Session, home, root.password, "another plum orbit 9"))
	_, err = e.Addresses.ConfirmChange(ctx, home, second)
	wantProblem(t, err, "", CodeLinkUsed)
	late := ask("c@new.example")
	e.pass(PurposeEmailChange.Life())
	_, err = e.Addresses.ConfirmChange(ctx, home, late)
	wantProblem(t, err, "", CodeLinkExpired)
}

// Whoever took an account over can't keep the owner of its first address out: that one's
// link brings it back, also behind a second move, and ends what the thief has.
func TestEmailChangeUndone(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	ctx := t.Context()
	e.move(root, "thief@bad.example")
	mine := e.undo()
	e.pass(time.Second)
	e.move(root, "thief2@bad.example")
	theirs := e.undo()
	if mine.to.Email != root.email || theirs.to.Email != "thief@bad.example" {
		t.Fatalf("mails to %s and %s", mine.to.Email, theirs.to.Email)
	}
	changed, err := e.Addresses.UndoChange(ctx, home, mine.link)
	if err != nil || !changed || e.user(root.UserID).Email != root.email {
		t.Fatalf("%v %v %+v", changed, err, e.user(root.UserID))
	}
	if row := e.wantRow(rowEmailChangeUndone, root.UserID); row.Detail["from"] != "thief2@bad.example" || row.Detail["to"] != root.email {
		t.Errorf("row %+v", row)
	}
	if m := e.mails.last(t, string(notices.AddressUndone)); m.to.Email != root.email {
		t.Errorf("mail %+v", m)
	}
	_, err = e.Addresses.UndoChange(ctx, home, theirs.link)
	wantProblem(t, err, "", CodeLinkUsed)
	_, err = e.Addresses.UndoChange(ctx, home, mine.link)
	wantProblem(t, err, "", CodeLinkUsed)
	_, err = e.Sessions.List(ctx, root.Session)
	wantErr(t, err, ErrSignedOut)
	e.must(e.Sessions.SignIn(ctx, home, root.email, root.password))
}

// The link also works before the new address is confirmed, and then nothing moves any more.
func TestEmailChangeWithdrawn(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	ctx := t.Context()
	if err := e.Addresses.RequestChange(ctx, root.Session, home, "thief@bad.example"); err != nil {
		t.Fatal(err)
	}
	confirm := e.mails.last(t, string(PurposeEmailChange)).link
	changed, err := e.Addresses.UndoChange(ctx, home, e.undo().link)
	if err != nil || changed {
		t.Fatalf("%v %v", changed, err)
	}
	_, err = e.Addresses.ConfirmChange(ctx, home, confirm)
	wantProblem(t, err, "", CodeLinkUsed)
	e.pass(time.Hour)
	root.Session = e.signIn(root)
	e.move(root, "new@new.example")
	e.pass(PurposeEmailUndo.Life())
	_, err = e.Addresses.UndoChange(ctx, home, e.undo().link)
	wantProblem(t, err, "", CodeLinkExpired)
	if err := e.Cleanup.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	for _, prefix := range []string{linkPrefix, "authn/link-of/"} {
		if left := e.keys(prefix); len(left) != 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}
