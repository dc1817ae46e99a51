package ui

import "time"

// KeyRow is a security key or passkey, as lists and confirmations show it.
type KeyRow struct {
	ID        string // UUID
	Name      string
	Passkey   bool // it can sign in without a password
	BackedUp  bool // it is on several devices
	CreatedAt time.Time
	UsedAt    time.Time // zero: never
}

// Factors says which second factors somebody can give, beside a recovery code.
// Pages that ask for one offer the others.
type Factors struct {
	Key bool // a security key
	App bool // a code of the authenticator app
}

// factorLink leads to the page of another second factor; Words is a key.
type factorLink struct {
	Path  Path
	Words string
}

// links leads to all factors but the one whose page it is on.
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

// LoginKeyPage asks for a security key. Its script sends JSON to
// PathKeyVerifyBegin and PathKeyVerifyFinish.
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

// Others are the other ways.
func (v LoginKeyPage) Others() []factorLink { return v.links(PathLoginKey) }

// KeyNewPage adds a security key or passkey. Its script sends JSON to
// PathKeyAddBegin and PathKeyAddFinish.
type KeyNewPage struct{ Layout }

func (KeyNewPage) about() about {
	return about{page: "key_new", title: "key_new.title", place: placeAccount}
}

// KeyPage gives a key another name. Form: POST PathKey with name.
type KeyPage struct {
	Layout
	Key  KeyRow
	Name string // what was typed
}

func (v KeyPage) about() about {
	return about{page: "key", title: "key.title", args: Args{"name": v.Key.Name}, place: placeAccount}
}

// KeyRemovePage stands before a second factor is removed: a key, or the
// authenticator app where Key is zero. Form: POST PathKeyRemove or PathTOTPRemove
// without fields.
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

// KeysOnlyPage says what it means to take security keys only. Form: POST
// PathKeysOnly with only, "yes" or "no".
type KeysOnlyPage struct {
	Layout
	On   bool // it is so already, and the form ends it
	Keys int  // how many the account has
}

func (v KeysOnlyPage) about() about {
	if v.On {
		return about{page: "keys_only", title: "keys_only.title.off", place: placeAccount}
	}
	return about{page: "keys_only", title: "keys_only.title", place: placeAccount}
}
