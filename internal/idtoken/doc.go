// Package idtoken checks the ID tokens with which jobs of CI systems prove who they are.
//
//	set := idtoken.New(idtoken.Config{Issuers: idtoken.BuiltIn()})
//	claims, err := set.Verify(ctx, text, audience, named)
//
// A Set knows issuers: those built in, and those of the configuration. It fetches nothing of an issuer
// until the caller's Named function says that a publisher names it. Refresh, called in the background, fetches keys before they are needed.
//
// # What is checked
//
// The text is one compact JWS with the algorithm RS256, ES256 or EdDSA; symmetric ones and "none" are
// never accepted. Its header names a key of the issuer's, and its claims have exactly one audience, an
// end that is not over and a beginning that is not in the future, with a leeway of Leeway. JSON in which a name occurs twice is refused, because two
// readers could see two things.
//
// # Errors
//
// A *Refusal says what is wrong with a token, in words for the person whose job sent it.
// ErrUnavailable means that the keys of the issuer could not be had, so nothing is known about the token.
//
// # Keys
//
// Keys are kept in memory. A key that is not known causes one fetch, at most once a minute for an issuer; if
// a fetch fails, the keys of before stay, for KeepKeys. Addresses are https, redirects are not followed, and
// hosts on private networks are not connected to unless the issuer's entry allows it; that is decided for
// the address that is dialled, after its name was resolved.
package idtoken
