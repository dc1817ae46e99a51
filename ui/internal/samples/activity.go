package samples

import (
	"time"

	"github.com/rind-dev/rind/ui"
)

const tokenID = "0193d5f4-7a1b-7c2e-8f3a-5b6d8e9f0a11"

// trail has rows of every appearance.
func trail() []ui.EventRow {
	n := uint64(48213)
	row := func(d time.Duration, kind, actor, about string, detail ...string) ui.EventRow {
		n--
		r := ui.EventRow{
			Seq: n, Time: ago(d), Kind: kind, Actor: actor, You: actor == "ada", Account: about, Yours: about == "ada",
			IP: "203.0.113.7", Browser: browser, Factor: "webauthn", Request: "T3ZQ5NHC4VYKXJ2MWRLA7OBE6D", Detail: map[string]string{},
		}
		if actor == "" {
			r.IP, r.Browser, r.Factor = "2001:db8:85a3::8a2e:370:7334", "curl/8.14.1", ""
		}
		for i := 0; i+1 < len(detail); i += 2 {
			r.Detail[detail[i]] = detail[i+1]
		}
		return r
	}
	long := row(9*day, "project.token_regenerated", "charles-with-a-long-username", "", "label", "publish job of the nightly build on the second runner", "owner", "charles-with-a-long-username", "token", tokenID, "expires", "2027-03-03")
	long.Project = "department-of-engines-demo-plugins"
	elsewhere := row(70*day, "account.unfrozen", "grace", "ada")
	elsewhere.IP, elsewhere.Browser, elsewhere.Request = "", "", ""
	return []ui.EventRow{
		row(10*time.Second, "account.factor_accepted", "ada", "ada"),
		row(25*time.Minute, "token.minted", "ada", "ada", "label", "demo CI", "owner", "ada", "projects", "demo, demo-plugins", "scope", "chosen", "token", tokenID, "expires", "2027-03-03"),
		row(5*time.Hour, "token.minted", "grace", "grace", "label", "laptop", "owner", "grace", "scope", "all", "expires", "never"),
		row(6*time.Hour, "account.sign_in_failed", "", "ada", "why", "password"),
		row(7*time.Hour, "account.sign_in_failed", "", "", "why", "password"),
		row(2*day, "project.role_changed", "ada", "charles-with-a-long-username", "user", "charles-with-a-long-username", "role", "maintainer", "was", "owner", "project", "demo"),
		long,
		row(30*day, "account.admin_granted", "grace", "ada"),
		row(60*day, "invitation.made", "ada", "", "email", "mary@example.org"),
		elsewhere,
		row(300*day, "token.leaked", "", "ada", "label", "old CI", "owner", "ada", "url", "https://github.com/example/repo/blob/main/.github/workflows/publish.yml"),
		row(800*day, "something.of_another_version", "ada", "ada", "reason", "unknown"),
	}
}

var groups = []string{"sign_in", "factor", "account", "token", "project", "system"}

func activity() []Page {
	all := ui.ActivityPage{Layout: member(), Whose: ui.ActivityAll, Groups: groups, Events: trail(), Older: 48201, Newest: true}
	mine, project, sifted := all, all, all
	mine.Whose, mine.Older = ui.ActivityAccount, 0
	project.Whose, project.Name, project.Events = ui.ActivityProject, "demo-plugins", trail()[6:7]
	sifted.Newest, sifted.Reached = false, ago(200*day)
	sifted.Filter = ui.EventFilter{Group: "token", Actor: "grace", Address: "198.51.100.23", From: "2025-11-01", Token: tokenID}
	none := sifted
	none.Events, none.Reached, none.Older, none.Newest = nil, time.Time{}, 0, true
	bad := none
	bad.Layout = wrong(member(), ui.Problem{Field: "address", Code: "address_invalid"}, ui.Problem{Field: "to", Code: "day_invalid"})
	bad.Filter.Address, bad.Filter.To = "the office", "yesterday"
	return []Page{
		{"activity", mine},
		{"activity-empty", ui.ActivityPage{Layout: member(), Whose: ui.ActivityAccount, Groups: groups, Newest: true}},
		{"activity-project", project},
		{"activity-all", all},
		{"activity-filter", sifted},
		{"activity-filter-none", none},
		{"activity-filter-wrong", bad},
	}
}
