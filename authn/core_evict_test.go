package authn

import (
	"testing"

	"github.com/rind-dev/rind/internal/kv"
)

// evictions are what an owner, or an administrator for them, does against somebody else in the account.
var evictions = map[string]func(e *env, root, owner *person){
	"new password": func(e *env, _, owner *person) {
		e.must(e.Passwords.Change(e.t.Context(), owner.Session, home, owner.password, "quite another plum 77"))
	},
	"new factor": func(e *env, _, owner *person) {
		p, err := e.Authenticators.Begin(e.t.Context(), owner.Session)
		if err != nil {
			e.t.Fatal(err)
		}
		e.must(e.Authenticators.Confirm(e.t.Context(), owner.Session, home, e.code(&person{secret: p.Secret}, 0)))
	},
	"new recovery codes": func(e *env, _, owner *person) {
		if _, _, err := e.RecoveryCodes.Create(e.t.Context(), owner.Session, home); err != nil {
			e.t.Fatal(err)
		}
	},
	"reset": func(e *env, _, owner *person) {
		e.forgetCounters("authn/throttle/reset")
		if err := e.Passwords.RequestReset(e.t.Context(), home, owner.name); err != nil {
			e.t.Fatal(err)
		}
		if err := e.Passwords.Reset(e.t.Context(), home, e.mails.last(e.t, "reset").link, "quite another plum 77"); err != nil {
			e.t.Fatal(err)
		}
	},
	"sign out everywhere else": func(e *env, _, owner *person) {
		if _, _, err := e.Sessions.EndOthers(e.t.Context(), owner.Session, home); err != nil {
			e.t.Fatal(err)
		}
	},
	"sign out everywhere, by an administrator": func(e *env, root, owner *person) {
		if _, err := e.Administration.SignOutEverywhere(e.t.Context(), root.Session, home, owner.UserID); err != nil {
			e.t.Fatal(err)
		}
	},
	"freeze and thaw": func(e *env, root, owner *person) {
		for _, frozen := range []bool{true, false} {
			if err := e.Administration.SetFrozen(e.t.Context(), root.Session, home, owner.UserID, frozen); err != nil {
				e.t.Fatal(err)
			}
		}
	},
}

// Whatever evicts somebody else from an account ends all that they may have of it: the table goes over each
// purpose of a link, so that a new one has to say what ends it.
func TestEvictionsEndEverything(t *testing.T) {
	for name, evict := range evictions {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t)
			root := e.admin()
			owner := e.member(root, "ann")
			e.refresh(root)
			if err := e.Administration.SetAdmin(t.Context(), root.Session, home, owner.UserID, true); err != nil {
				t.Fatal(err)
			}
			e.refresh(owner)
			thief := from("203.0.113.66")
			sessions := map[string]Session{"session": e.signIn(owner), "half session": e.signedInBy(owner, thief)}
			thief.Device = e.note(owner, thief, true)
			e.refresh(owner)
			links := map[Purpose]Secret{}
			for p := range linkLife {
				links[p] = e.plantLink(p, owner)
			}
			for what, x := range sessions {
				if err := e.isMember(x); err != nil {
					t.Fatalf("%s before: %v", what, err)
				}
			}
			for p, link := range links {
				if err := e.findable(p, link); err != nil {
					t.Fatalf("%s before: %v", p, err)
				}
			}
			e.refresh(root)
			evict(e, root, owner)
			for what, x := range sessions {
				if err := e.isMember(x); err == nil {
					t.Errorf("the %s holds", what)
				}
			}
			for p, link := range links {
				if err := e.findable(p, link); p == PurposeSetup {
					continue // belongs to no account, and there is none where there are accounts
				} else if err == nil {
					t.Errorf("a link for %s holds", p)
				}
			}
			if d := e.deviceOf(owner, thief); d.ID != "" {
				t.Error("a browser is still known")
			}
		})
	}
}

// plantLink makes a link that is good for the account as it is.
func (e *env) plantLink(p Purpose, owner *person) Secret {
	e.t.Helper()
	switch p {
	case PurposeInvitation:
		_, link, err := e.Invitations.Invite(e.t.Context(), owner.Session, home, "accomplice@example.org")
		if err != nil {
			e.t.Fatal(err)
		}
		return link
	case PurposeEmailUndo:
		e.forgetCounters("authn/throttle/mail")
		if err := e.Addresses.RequestChange(e.t.Context(), owner.Session, home, "eve@evil.example"); err != nil {
			e.t.Fatal(err)
		}
		return e.lastLink(PurposeEmailUndo)
	}
	text, key, rec := e.core.newLink(p, owner.UserID, e.user(owner.UserID).Email)
	rec.Generation = e.user(owner.UserID).SessionGeneration
	err := e.core.store.Update(e.t.Context(), func(tx kv.Tx) error { return kv.PutJSON(tx, key, rec) })
	if err != nil {
		e.t.Fatal(err)
	}
	return text
}

func (e *env) findable(p Purpose, link Secret) error {
	return e.core.store.View(e.t.Context(), func(r kv.Reader) error {
		_, _, err := e.core.findLink(r, p, link)
		return err
	})
}

func (e *env) isMember(x Session) error {
	return e.core.store.View(e.t.Context(), func(r kv.Reader) error {
		_, err := e.Service.core.sessionAccount(r, x)
		return err
	})
}

func (e *env) deviceOf(who *person, o Origin) (d deviceRecord) {
	e.t.Helper()
	err := e.core.store.View(e.t.Context(), func(r kv.Reader) error {
		u, err := loadUser(r, who.UserID)
		if err != nil {
			return err
		}
		d, err = e.core.loadDevice(r, u, o)
		return err
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return d
}

// What a rogue administrator has out does not make the transaction larger that freezes them, and holds no more
// from that one on, also where nothing followed it, and after they were let go again.
func TestWhatAnAdministratorHasOutEndsAtOnce(t *testing.T) {
	e := newEnv(t)
	root := e.admin()
	rogue := e.member(root, "ann")
	victim := e.member(root, "bob")
	e.refresh(root)
	if err := e.Administration.SetAdmin(t.Context(), root.Session, home, rogue.UserID, true); err != nil {
		t.Fatal(err)
	}
	e.refresh(rogue)
	link := e.plantLink(PurposeInvitation, rogue)
	if _, err := e.Recoveries.Start(t.Context(), rogue.Session, home, victim.UserID, true); err != nil {
		t.Fatal(err)
	}
	e.refresh(root)
	for _, frozen := range []bool{true, false} {
		if err := e.Administration.setFrozen(t.Context(), root.Session, home, rogue.UserID, frozen); err != nil { // as if the process ended behind it
			t.Fatal(err)
		}
	}
	wantProblem(t, e.findable(PurposeInvitation, link), "", CodeLinkUsed)
	if _, waits, err := e.Recoveries.Pending(t.Context(), root.Session, victim.UserID); err != nil || waits {
		t.Errorf("a recovery waits: %v", err)
	}
	if list, err := e.Invitations.List(t.Context(), root.Session); err != nil || len(list) != 0 {
		t.Errorf("%v %v", list, err)
	}
	e.pass(2 * RecoveryWait)
	if err := e.Recoveries.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if u := e.user(victim.UserID); !u.HasTOTP || u.Recovered {
		t.Error("the recovery came to its end")
	}
	if err := e.Cleanup.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, prefix := range []string{invitationPrefix, invitationTo, recoveryCasePrefix} {
		if left := e.keys(prefix); len(left) != 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}
