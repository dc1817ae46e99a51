package ui

import "time"

// KeyRow is a security key or passkey, as shown in lists and confirmations.
type KeyRow struct {
	ID        string // UUID
	Name      string
	Passkey   bool // it can sign in without a password
	BackedUp  bool // it is synced between devices
	CreatedAt time.Time
	UsedAt    time.Time // zero: never
}

// Factors lists the second factors that somebody can use, besides recovery codes. A page that asks for
// one of them offers the others.
type Factors struct {
	Key bool // a security key
	App bool // an authenticator app
}

// factorLink leads to the page of another second factor. Words is a key of the catalogue.
type factorLink struct {
	Path  Path
	Words string
}

// links returns links to all factors except the one of the current page.
func (f Factors) links(but Path) []factorLink {
	var out []factorLink
	for _, l := range []struct {
		there bool
		factorLink
	}{
		{f.Key, factorLink{PathLoginKey, "factor.key"}},
		{f.App, factorLink{PathLoginTOTP, "factor.app"}},
		{true, factorLink{PathLoginRecovery, "factor.recovery"}},
	} {
		if l.there && l.Path != but {
			out = append(out, l.factorLink)
		}
	}
	return out
}

// LoginKeyPage asks for a security key. Its script sends JSON to PathKeyVerifyBegin and
// PathKeyVerifyFinish.
type LoginKeyPage struct {
	Layout
	Factors
	Again bool // as in LoginTOTPPage
	Next  string
}

func (v LoginKeyPage) about() about {
	if v.Again {
		return about{page: "login_key", title: "again.title"}
	}
	return about{page: "login_key", title: "login_key.title"}
}

// Others returns links to the other second factors.
func (v LoginKeyPage) Others() []factorLink { return v.links(PathLoginKey) }

// KeyNewPage adds a security key or passkey. Its script sends JSON to
// PathKeyAddBegin and PathKeyAddFinish.
type KeyNewPage struct{ Layout }

func (KeyNewPage) about() about {
	return about{page: "key_new", title: "key_new.title", place: placeAccount}
}

// KeyPage renames a key. Form: POST PathKey with name.
type KeyPage struct {
	Layout
	Key  KeyRow
	Name string // what was typed
}

func (v KeyPage) about() about {
	return about{page: "key", title: "key.title", args: Args{"name": v.Key.Name}, place: placeAccount}
}

// KeyRemovePage asks for confirmation before a second factor is removed: a key, or the authenticator app
// if Key is zero. Form: POST PathKeyRemove or PathTOTPRemove without fields.
type KeyRemovePage struct {
	Layout
	Key KeyRow
}

func (v KeyRemovePage) about() about {
	if v.Key.ID == "" {
		return about{page: "key_remove", title: "totp_remove.title", place: placeAccount}
	}
	return about{page: "key_remove", title: "key_remove.title", args: Args{"name": v.Key.Name}, place: placeAccount}
}

// KeysOnlyPage explains what it means to accept only security keys. Form: POST PathKeysOnly with only,
// "yes" or "no".
type KeysOnlyPage struct {
	Layout
	On   bool // only keys are accepted now, and the form ends that
	Keys int  // how many keys the account has
}

func (v KeysOnlyPage) about() about {
	if v.On {
		return about{page: "keys_only", title: "keys_only.title.off", place: placeAccount}
	}
	return about{page: "keys_only", title: "keys_only.title", place: placeAccount}
}
