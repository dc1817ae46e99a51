package arrows

import (
	"slices"
	"strings"
	"testing"
)

// unrecorded are the functions that change the store without a row of the trail, each
// with the reason. They change nothing that anybody decided.
var unrecorded = map[string]string{
	"authn.BeginPasskey":         "a challenge that is good for minutes; its end is recorded",
	"authn.BeginVerifyKey":       "a challenge that is good for minutes; its end is recorded",
	"authn.BeginAddKey":          "a challenge that is good for minutes; its end is recorded",
	"authn.keepPending":          "an authenticator app that is not set up yet",
	"authn.FindCtx":              "the session of a browser: it is over, or was seen",
	"authn.CommitCtx":            "the session of a browser: what made it is recorded",
	"authn.swap":                 "the session of a browser: what took it further is recorded",
	"authn.takeCeremony":         "a challenge that is used up: what comes of it is recorded",
	"authn.DeleteCtx":            "the session of a browser: what ended it is recorded",
	"authn.takeQuietly":          "a counter of attempts; the attempt is recorded",
	"authn.sweepPage":            "what is over already",
	"authn.ConfirmRecoveryCodes": "secondFactor writes the row that it is told of",
	"authn.UseRecoveryCode":      "secondFactor writes the row that it is told of",

	"ledger.update":                "the frame of a transaction: who calls it is looked at",
	"ledger.RecordUser":            "who keeps the accounts writes the row, in the same transaction",
	"ledger.open":                  "the identity of a store that is new",
	"followers.Report":             "what a verifier says of itself, each second",
	"tokens.RecordUse":             "when a token was last used: uploads are not changes here",
	"tokens.recordPart":            "when tokens were last used: uploads are not changes here",
	"tokens.forgetIdempotencyKeys": "what is over already",
	"tokens.forgetUploads":         "what is over already",
	"projects.SweepInvitations":    "what is over already",
	"tokens.SendReminders":         "what owners are told of tokens, which do not change",

	"instance.Update":  "the frame of a transaction: it passes on what is written",
	"notices.change":   "mails that wait: what they tell of is recorded",
	"notices.carry":    "mails that wait: what they tell of is recorded",
	"notices.handOver": "mails that wait: what they tell of is recorded",
}

// Whatever begins a transaction that writes, in the rooms where state changes, writes a row of the
// trail in it, or is handed to a function that does, or stands in the list with a reason.
func TestEveryChangeIsRecorded(t *testing.T) {
	g := loadCalls(t)
	rooms := []string{"authn", "issuer", "internal/instance", "internal/notices"} // where state changes
	found, listed := 0, map[string]bool{}
	for _, f := range g.frames {
		if !slices.ContainsFunc(rooms, func(r string) bool { return strings.Contains(f.where, "/"+r+"/") }) {
			continue
		}
		found++
		key := short(f.in)
		recorded := g.recorded(f, map[string]bool{})
		if listed[key] = listed[key] || !recorded; !recorded && unrecorded[key] == "" {
			t.Errorf("%s: %s writes to the store, and no row of the audit trail: write one in the same transaction, or say in unrecorded why there is none", f.where, key)
		}
	}
	for key := range unrecorded {
		if !listed[key] {
			t.Errorf("%s is listed, and begins no transaction that writes no row", key)
		}
	}
	if found < 60 {
		t.Errorf("only %d transactions were found: the search is wrong", found)
	}
}

// recorded tells whether a row is written where a literal runs: by itself, or by the function that it is
// handed to, in a literal of its own.
func (g *calls) recorded(f frame, seen map[string]bool) bool {
	if seen[f.runs] {
		return false
	}
	seen[f.runs] = true
	if g.pathTo(f.runs, []string{module + "/internal/audit.Append"}, map[string]bool{}) != nil {
		return true
	}
	return slices.ContainsFunc(g.frames, func(other frame) bool { return other.in == f.to && g.recorded(other, seen) })
}

// short is the package and the name of a function of which full is the name as go/types has it.
func short(full string) string {
	full = strings.NewReplacer("(*", "", "(", "", ")", "").Replace(full)
	path := full[strings.LastIndex(full, "/")+1:]
	parts := strings.Split(path, ".")
	return strings.Join(slices.Compact([]string{parts[0], parts[len(parts)-1]}), ".")
}
