package verifier_test

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// wrapped is a store of somebody's own: its records have caveats that are read with each check.
type wrapped struct{ *rootkeys.Store }

// TestWhatARecordKnowsChangesNoDecision: a record knows of usual tokens when their caveats hold, so
// that a check need not read them. It decides as one that reads them, and says the same, at each edge of
// their lives, whatever the caveats are and whatever became of the owner and the project since.
func TestWhatARecordKnowsChangesNoDecision(t *testing.T) {
	h := newHouse(t)
	reads := verifier.New(wrapped{h.store})
	number, allowed, denied := 0, 0, 0
	second := func(n int) int64 { return now.Unix() + int64(n) }
	rapid.Check(t, func(rt *rapid.T) {
		raw := [][]byte{caveats.User(alice).Append(nil)}
		if rapid.IntRange(0, 9).Draw(rt, "another user") == 0 {
			raw[0] = caveats.User(bob).Append(nil)
		}
		if rapid.IntRange(0, 9).Draw(rt, "named") > 0 {
			raw = append(raw, caveats.ProjectNames{"demo"}.Append(nil))
		}
		more := [][]byte{
			caveats.ProjectIDs{demo}.Append(nil), caveats.ProjectIDs{other}.Append(nil), caveats.ProjectIDs{other, demo}.Append(nil),
			caveats.ProjectNames{"other"}.Append(nil), caveats.ProjectNames{"demo", "other"}.Append(nil),
			caveats.Life{ExpiresAt: second(2), NotBefore: second(-2)}.Append(nil), caveats.Life{ExpiresAt: second(1), NotBefore: second(0)}.Append(nil),
			caveats.Life{ExpiresAt: second(-1), NotBefore: second(1)}.Append(nil), caveats.Life{ExpiresAt: 1 << 50}.Append(nil),
			[]byte("[ 0, 1800000002, 1799999998 ]"), []byte(`[1, ["demo"]]`), []byte(`[1,["\u0064emo"]]`),
			caveats.Actions{caveats.ActionUpload}.Append(nil), caveats.Versions{"1.0"}.Append(nil), caveats.Versions{"2.0"}.Append(nil),
		}
		if rapid.IntRange(0, 3).Draw(rt, "lives") > 0 {
			raw = append(raw, more[rapid.SampledFrom([]int{5, 5, 6, 7, 8}).Draw(rt, "life")])
		}
		for range rapid.SampledFrom([]int{0, 0, 1, 1, 2, 3}).Draw(rt, "caveats") {
			raw = append(raw, rapid.SampledFrom(more).Draw(rt, "caveat"))
		}
		number++
		tok, rec := mintRaw(t, number, raw)
		if rapid.Bool().Draw(rt, "expires") {
			rec.ExpiresAt = now.Add(time.Duration(rapid.IntRange(-1, 3).Draw(rt, "expiry")) * time.Second)
		}
		if rapid.IntRange(0, 9).Draw(rt, "restricted") == 0 {
			rec.Restrictions = [][]byte{rapid.SampledFrom(more).Draw(rt, "restriction")}
		}
		role := map[string]string{alice: rapid.SampledFrom([]string{"owner", "owner", "owner", "owner", "maintainer", "none"}).Draw(rt, "role")}
		if role[alice] == "none" {
			role = nil
		}
		h.apply(rootkeys.Change{Token: rec})
		h.apply(
			rootkeys.Change{User: &rootkeys.User{ID: alice, Name: "alice", Frozen: rapid.IntRange(0, 9).Draw(rt, "frozen") == 0}},
			rootkeys.Change{Project: &rootkeys.Project{ID: demo, Name: "demo", Members: role}})
		defer h.apply(
			rootkeys.Change{User: &rootkeys.User{ID: alice, Name: "alice"}},
			rootkeys.Change{Project: &rootkeys.Project{ID: demo, Name: "demo", Members: map[string]string{alice: "owner"}}})
		if rapid.Bool().Draw(rt, "narrowed") {
			tok = extend(t, tok, rapid.SampledFrom(more).Draw(rt, "added"))
		}
		req := upload()
		req.Project = rapid.SampledFrom([]string{"demo", "demo", "demo", "Demo", "other", "nobody's", ""}).Draw(rt, "project")
		for at := -3; at <= 3; at++ {
			req.Now = now.Add(time.Duration(at) * time.Second)
			got, err := h.verifier.Verify(context.Background(), text(t, tok), req)
			want, wantErr := reads.Verify(context.Background(), text(t, tok), req)
			var d, wantD *verifier.Denial
			if errors.As(err, &d) != errors.As(wantErr, &wantD) || (err == nil) != (wantErr == nil) || !reflect.DeepEqual(d, wantD) || !reflect.DeepEqual(got, want) {
				rt.Fatalf("%d s: %q\n%+v, %v; who reads them: %+v, %v", at, raw, got, err, want, wantErr)
			}
			if err == nil {
				allowed++
			} else {
				denied++
			}
		}
	})
	if allowed == 0 || denied == 0 {
		t.Errorf("%d allowed, %d denied: these tokens show nothing", allowed, denied)
	}
}
