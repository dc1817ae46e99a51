package ui

import "time"

// IssuerRow is a CI system that is known beside those built in.
type IssuerRow struct {
	Name, URL, Kind string

	Added     bool // by an administrator; else it is in the settings file
	InUse     bool // a publisher names it
	Keys      int  // keys that are known
	FetchedAt time.Time
	Failed    string // why the keys could not be had; "" is not shown
}

// IssuersPage lists the CI systems. Forms: POST PathIssuers with name, url, kind (KindGitHub, KindGitLab or KindGeneric), keys_url, keys, ca
// and private ("yes").
type IssuersPage struct {
	Layout
	Rows []IssuerRow

	Name, URL, Kind, KeysURL, Keys, CA string // typed into the form

	Private bool
}

// Open reports whether the fields for reaching the CI system are shown expanded.
func (v IssuersPage) Open() bool {
	return v.KeysURL != "" || v.Keys != "" || v.CA != "" || v.Private || len(on(v, "keys_url"))+len(on(v, "keys"))+len(on(v, "ca")) > 0
}

func (IssuersPage) about() about {
	return about{page: "issuers", title: "issuers.title", place: placeAdmin}
}

// IssuerRemovePage asks before a CI system that an administrator added is removed. Form: POST PathIssuerRemove without fields.
type IssuerRemovePage struct {
	Layout
	Name, URL  string
	Publishers int      // that name it
	Pending    int      // pending publishers that name it
	Projects   []string // of these publishers
	More       int      // further projects that Projects leaves out
}

func (v IssuerRemovePage) about() about {
	return about{page: "issuer_remove", title: "issuer_remove.title", args: Args{"name": v.Name}, place: placeAdmin}
}
