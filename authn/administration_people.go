package authn

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
)

const (
	maxPeople  = 1000 // accounts on one page of People
	peopleStep = 1000 // names that one scan of People reads
)

// PeopleQuery asks for a part of the list of accounts.
type PeopleQuery struct {
	Text  string // part of a username or of an address, in any case of letters; "" for all
	After string // username after which the page begins; "" for the first page
	Limit int    // 100 where it is 0, at most 1000
}

// PeoplePage is a part of the list of accounts, by username.
type PeoplePage struct {
	People []User
	Next   string // After of the next page; "" on the last
}

// People lists accounts by their usernames. by is an administrator.
func (s *Administration) People(ctx context.Context, by Session, q PeopleQuery) (out PeoplePage, err error) {
	q.Limit = min(q.Limit, maxPeople)
	if q.Limit <= 0 {
		q.Limit = 100
	}
	err = s.store.View(ctx, func(r kv.Reader) error {
		out = PeoplePage{}
		if _, err := s.sessionAdministrator(r, by, false); err != nil {
			return err
		}
		return eachPerson(r, q, func(u userRecord) bool {
			if len(out.People) == q.Limit {
				out.Next = out.People[q.Limit-1].Username
				return false
			}
			out.People = append(out.People, u.public())
			return true
		})
	})
	return out, err
}

// eachPerson calls found with each account that a query finds, by username, until it
// returns false.
func eachPerson(r kv.Reader, q PeopleQuery, found func(userRecord) bool) error {
	want := fold(q.Text)
	written, err := json.Marshal(want) // in the form in which records have it
	if err != nil || len(want) > maxEmail || len(q.After) > maxUsername {
		return err
	}
	written = bytes.Trim(written, `"`)
	prefix := []byte(nameKey(""))
	after := []byte(nameKey(fold(q.After)))
	for {
		names, err := r.Scan(prefix, after, peopleStep, false)
		if err != nil || len(names) == 0 {
			return err
		}
		for _, n := range names {
			raw, err := r.Get([]byte(userKey(string(n.Value))))
			if err != nil {
				return fmt.Errorf("authn: the account of the name %q: %w", n.Key[len(prefix):], err)
			}
			if !bytes.Contains(bytes.ToLower(raw), written) {
				continue // most records are filtered out here, without being decoded
			}
			var u userRecord
			err = json.Unmarshal(raw, &u)
			if err != nil {
				return fmt.Errorf("authn: the record %q is damaged: %w", userKey(string(n.Value)), err)
			}
			if (strings.Contains(fold(u.Username), want) || strings.Contains(fold(u.Email), want)) && !found(u) {
				return nil
			}
		}
		after = names[len(names)-1].Key
	}
}

// Person is an account as an administrator sees it; it holds nothing secret.
type Person struct {
	User
	Sessions   int       // that are valid now
	SignedInAt time.Time // last; zero: never, or too long ago for the trail to have it
	SignedInBy Factor    // the factor of that sign-in
}

// Person returns one account to an administrator, or ErrNotFound.
func (s *Administration) Person(ctx context.Context, by Session, userID string) (p Person, err error) {
	err = s.store.View(ctx, func(r kv.Reader) error {
		p = Person{}
		if _, err := s.sessionAdministrator(r, by, false); err != nil {
			return err
		}
		u, err := loadUser(r, userID)
		if err != nil {
			return err
		}
		sessions, err := s.loadSessions(r, u.ID)
		if err != nil {
			return err
		}
		p.User, p.Sessions = u.public(), len(sessions)
		last, err := lastSignIn(r, u)
		p.SignedInAt, p.SignedInBy = last.Time, Factor(last.Actor.Factor)
		for _, l := range sessions {
			if l.x.SignedIn() && l.x.Begun.After(p.SignedInAt) {
				p.SignedInAt, p.SignedInBy = l.x.Begun, l.x.Factor
			}
		}
		return err
	})
	return p, err
}

// signInRows are the rows that end a sign-in.
var signInRows = map[string]bool{
	rowPasskeyAccepted: true, rowFactorAccepted: true, rowDeviceAccepted: true, rowDeviceConfirmed: true,
}

// Bounds on how far back the trail is read for a sign-in.
const (
	signInPage = 50
	signInRead = 1000 // rows
)

// lastSignIn returns the newest row of a sign-in of an account; zero if there is none among the last
// signInRead rows. Completing a registration counts as a sign-in.
func lastSignIn(r kv.Reader, u userRecord) (audit.Event, error) {
	before := uint64(0)
	for range signInRead / signInPage {
		events, err := audit.Account(r, u.ID, before, signInPage)
		if err != nil {
			return audit.Event{}, err
		}
		for _, e := range events {
			if (signInRows[e.Kind] || e.Kind == rowRegistered && u.RecoveryConfirmed) && e.Actor.UserID == u.ID {
				return e, nil
			}
		}
		if len(events) < signInPage {
			break
		}
		before = events[len(events)-1].Seq
	}
	return audit.Event{}, nil
}

// SignOutEverywhere ends each session of an account at that session's next request, and makes its
// remembered devices ask for a second factor again. It returns how many sessions were valid. The owner
// gets a mail. by is an administrator with a fresh factor.
func (s *Administration) SignOutEverywhere(ctx context.Context, by Session, o Origin, userID string) (n int, err error) {
	var u userRecord
	err = s.exempt.Update(ctx, func(tx kv.Tx) error {
		admin, err := s.sessionAdministrator(tx, by, true)
		if err != nil {
			return err
		}
		u, err = loadUser(tx, userID)
		if err != nil {
			return err
		}
		sessions, err := s.loadSessions(tx, u.ID)
		if err != nil {
			return err
		}
		n = len(sessions)
		if err := endUndo(tx, u); err != nil {
			return err
		}
		u.Generation++ // also ends what is not listed: sign-ins under way
		return s.saveUser(tx, u, audit.Event{
			Kind: rowSignedOutAll, Actor: o.actor(admin, by.Factor), Detail: map[string]string{"n": strconv.Itoa(n)},
		})
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}
