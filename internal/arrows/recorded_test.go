package arrows

import (
	"slices"
	"strings"
	"testing"
)

// unrecorded are the functions that change the store without a row of the trail, each
// with the reason. They change nothing that anybody decided.
var unrecorded = map[string]string{
	"authn.SecurityKeys.BeginPasskey":  "a challenge that is good for minutes; its end is recorded",
	"tokens.Runs.forget":               "entries of a list; the tokens are over, and their records stay",
	"publishers.Service.forgetMarks":   "ID tokens that are over",
	"publishers.Service.manage":        "its callers' functions write the row",
	"publishers.Service.managePending": "its callers' functions write the row",
	"publishers.Service.refused":       "a note of what was refused, for owners; nothing changed",
	"authn.SecurityKeys.BeginVerify":   "a challenge that is good for minutes; its end is recorded",
	"authn.SecurityKeys.BeginAdd":      "a challenge that is good for minutes; its end is recorded",
	"authn.Authenticators.keepPending": "an authenticator app that is not set up yet",
	"authn.sessionStore.FindCtx":       "the session of a browser: it is over, or was seen",
	"authn.sessionStore.CommitCtx":     "the session of a browser: what made it is recorded",
	"authn.sessionStore.swap":          "the session of a browser: what took it further is recorded",
	"authn.SecurityKeys.takeCeremony":  "a challenge that is used up: what comes of it is recorded",
	"authn.sessionStore.DeleteCtx":     "the session of a browser: what ended it is recorded",
	"authn.core.countAttemptQuietly":   "a counter of attempts; the attempt is recorded",
	"authn.Cleanup.sweepPage":          "what is over already",
	"authn.RecoveryCodes.Confirm":      "secondFactor writes the row that it is told of",
	"authn.RecoveryCodes.Use":          "secondFactor writes the row that it is told of",

	"ledger.Ledger.update":                 "the frame of a transaction: who calls it is looked at",
	"ledger.Ledger.RecordUser":             "who keeps the accounts writes the row, in the same transaction",
	"ledger.Ledger.open":                   "the identity of a store that is new",
	"followers.Service.Report":             "what a verifier says of itself, each second",
	"followers.Stream.take":                "that a verifier connected",
	"followers.publisher.write":            "what a process knows of verifiers, each second",
	"followers.publisher.leave":            "what a process knows of verifiers, each second",
	"tokens.Service.RecordUse":             "when a token was last used: uploads are not changes here",
	"tokens.Service.recordPart":            "when tokens were last used: uploads are not changes here",
	"tokens.Service.forgetIdempotencyKeys": "what is over already",
	"tokens.Service.forgetUploads":         "what is over already",
	"projects.Service.SweepInvitations":    "what is over already",
	"files.Service.finishTask":             "that what was decided is done: the decision is recorded",
	"tokens.Service.SendReminders":         "what owners are told of tokens, which do not change",

	"instance.guarded.Update": "the frame of a transaction: it passes on what is written",
	"notices.Outbox.change":   "mails that wait: what they tell of is recorded",
	"notices.Outbox.carry":    "mails that wait: what they tell of is recorded",
	"notices.Outbox.handOver": "mails that wait: what they tell of is recorded",
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
		listed[key] = listed[key] || !recorded
		if !recorded && unrecorded[key] == "" {
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

// short is the package, the type and the name of a function of which full is the name as go/types has it.
func short(full string) string {
	full = strings.NewReplacer("(*", "", "(", "", ")", "").Replace(full)
	return full[strings.LastIndex(full, "/")+1:]
}
