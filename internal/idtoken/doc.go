// Package idtoken checks the ID tokens with which jobs of CI systems prove who they are.
//
//	set := idtoken.New(idtoken.Config{Issuers: idtoken.BuiltIn()})
//	claims, err := set.Verify(ctx, text, audience, named)
//
// A Set knows issuers: those built in, and those of the configuration. It fetches nothing from an issuer
// until the caller's Named function says that a publisher names it. Refresh, called in the background, fetches keys before they are needed.
//
// # What is checked
//
// The text is one compact JWS with the algorithm RS256, ES256 or EdDSA; symmetric ones and "none" are
// never accepted. Its header names a key of the issuer's, and its claims have exactly one audience, an
// expiry that has not passed, and a beginning that is not in the future, with a leeway of Leeway. JSON that has a name twice is refused,
// because two readers could read it differently.
//
// A CI system that has an issuer for each organization may sign tokens of all of them as one root issuer, as CircleCI does. Such a token counts as one of the
// issuer of the organization that it names.
//
// # Errors
//
// A *Refusal says what is wrong with a token, in words for the person whose job sent it.
// ErrUnavailable means that the keys of the issuer could not be had, so nothing is known about the token.
//
// # Keys
//
// Keys are kept in memory. An unknown key causes one fetch, at most once a minute for each issuer. If
// a fetch fails, the previous keys stay, for KeepKeys. Addresses are https, redirects are not followed, and
// hosts on private networks are not connected to unless the issuer's entry allows it; that is decided for
// the address that is dialled, after its name was resolved.
package idtoken
