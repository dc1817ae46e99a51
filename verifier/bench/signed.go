package main

import (
	"crypto/ed25519"
	"errors"
	"slices"
	"time"

	"aidanwoods.dev/go-paseto"
	"github.com/golang-jwt/jwt/v5"
)

// signedSamples is how many tokens are checked in cases that need no store.
const signedSamples = 1000

// claims says the same as the three caveats.
type claims struct {
	Projects []string `json:"projects"`
	jwt.RegisteredClaims
}

// jwtCase checks tokens with golang-jwt, without looking anything up.
func jwtCase(method jwt.SigningMethod, signKey, verifyKey any) (func(int) error, error) {
	texts, names := make([]string, signedSamples), make([]string, signedSamples)
	for n := range texts {
		names[n] = project(n)
		c := claims{[]string{project(n)}, jwt.RegisteredClaims{
			ID: tokenID(n), Issuer: location, Subject: userID(n),
			ExpiresAt: jwt.NewNumericDate(start.Add(24 * time.Hour)), NotBefore: jwt.NewNumericDate(start.Add(-time.Minute)),
		}}
		var err error
		texts[n], err = jwt.NewWithClaims(method, c).SignedString(signKey)
		if err != nil {
			return nil, err
		}
	}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{method.Alg()}), jwt.WithIssuer(location), jwt.WithTimeFunc(func() time.Time { return start }))
	keyOf := func(*jwt.Token) (any, error) { return verifyKey, nil }
	return func(i int) error {
		n := i % len(texts)
		var c claims
		_, err := parser.ParseWithClaims(texts[n], &c, keyOf)
		if err != nil {
			return err
		}
		if !slices.Contains(c.Projects, names[n]) {
			return errors.New("not allowed")
		}
		return nil
	}, nil
}

func jwtCases() (hmac, eddsa func(int) error, err error) {
	hmac, err = jwtCase(jwt.SigningMethodHS256, key, key)
	if err != nil {
		return nil, nil, err
	}
	private := ed25519.NewKeyFromSeed(key)
	eddsa, err = jwtCase(jwt.SigningMethodEdDSA, private, private.Public())
	return hmac, eddsa, err
}

// pasetoCase checks public tokens of version 4, without looking anything up.
func pasetoCase() func(int) error {
	secret := paseto.NewV4AsymmetricSecretKey()
	public := secret.Public()
	texts, names := make([]string, signedSamples), make([]string, signedSamples)
	for n := range texts {
		names[n] = project(n)
		t := paseto.NewToken()
		t.SetJti(tokenID(n))
		t.SetIssuer(location)
		t.SetSubject(userID(n))
		t.SetIssuedAt(start)
		t.SetExpiration(start.Add(24 * time.Hour))
		t.SetNotBefore(start.Add(-time.Minute))
		t.SetString("project", project(n))
		texts[n] = t.V4Sign(secret, nil)
	}
	parser := paseto.NewParserWithoutExpiryCheck()
	parser.AddRule(paseto.ValidAt(start.Add(time.Hour)), paseto.IssuedBy(location))
	return func(i int) error {
		n := i % len(texts)
		t, err := parser.ParseV4Public(public, texts[n], nil)
		if err != nil {
			return err
		}
		if p, err := t.GetString("project"); err != nil || p != names[n] {
			return errors.New("not allowed")
		}
		return nil
	}
}
