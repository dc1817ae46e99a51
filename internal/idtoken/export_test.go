package idtoken

// OfRoot makes an issuer of the tests the one that signs for all organizations of CircleCI.
func OfRoot(i Issuer) Issuer {
	i.root, i.URL, i.Kind, i.perOrganization = i.URL, "https://oidc.circleci.com/org/", KindCircleCI, true
	return i
}
