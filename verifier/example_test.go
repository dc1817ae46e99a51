package verifier_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// An upload handler asks whether a token allows an upload, and tells the three
// outcomes apart.
func ExampleVerifier_Verify() {
	keys, text := exampleStore()
	defer keys.Close()
	check := verifier.New(keys)

	for _, project := range []string{"Demo", "other"} {
		grant, err := check.Verify(context.Background(), text, verifier.Request{
			Action:  caveats.ActionUpload,
			Project: project, // as the client wrote it
			Now:     time.Date(2027, 1, 15, 8, 0, 0, 0, time.UTC),
		})
		var denial *verifier.Denial
		switch {
		case err == nil:
			fmt.Printf("200: %s may upload to %s\n", grant.UserName, grant.Project)
		case errors.As(err, &denial):
			fmt.Printf("403: Invalid API Token: %s\n", denial.Message())
		default: // errors.Is(err, verifier.ErrUnavailable)
			fmt.Printf("503: try again later\n")
		}
	}
	// Output:
	// 200: alice may upload to demo
	// 403: Invalid API Token: token is valid for project 'demo', not for 'other'; user 'alice' is not a member of project 'other'
}

// Whoever holds a token can narrow it without asking anybody, and the verifier sees
// what was added.
func ExampleGrant() {
	keys, text := exampleStore()
	defer keys.Close()
	narrowed, err := token.Restrict(text, caveats.Versions{"1.0"})
	if err != nil {
		log.Fatal(err)
	}
	grant, err := verifier.New(keys).Verify(context.Background(), narrowed, verifier.Request{
		Action:  caveats.ActionUpload,
		Project: "demo",
		Version: "1.0.0",
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(grant.Added())
	// Output:
	// [only for version '1.0']
}

// A Denial says why, in words for programs.
func ExampleDenial_Has() {
	keys, text := exampleStore()
	defer keys.Close()
	narrowed, err := token.Restrict(text, caveats.Digests{"0000000000000000000000000000000000000000000000000000000000000000"})
	if err != nil {
		log.Fatal(err)
	}
	_, err = verifier.New(keys).Verify(context.Background(), narrowed, verifier.Request{
		Action:  caveats.ActionUpload,
		Project: "demo",
	})
	var denial *verifier.Denial
	if errors.As(err, &denial) && denial.Has(caveats.WrongDigest) && len(denial.Failures) == 1 {
		fmt.Println("ask again when the digest is known")
	}
	// Output:
	// ask again when the digest is known
}

// exampleStore is a store that an issuer has filled with Alice, her project demo,
// and a token for it. A program opens the file that a replication.Follower fills.
func exampleStore() (*rootkeys.Store, string) {
	const user, project, issuer = "00000000-0000-4000-8000-0000000000aa", "00000000-0000-4000-8000-0000000000bb", "00000000-0000-4000-8000-000000000001"
	issued, err := token.Mint(make([]byte, token.RootKeySize), "01900000-0000-7000-8000-000000000001", "packages.example.org", [][]byte{
		caveats.User(user).Append(nil),
		caveats.ProjectNames{"demo"}.Append(nil),
	})
	if err != nil {
		log.Fatal(err)
	}
	text, err := issued.Text()
	if err != nil {
		log.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "rind-example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir) // the open file stays readable
	keys, err := rootkeys.Open(filepath.Join(dir, "rootkeys.db"), rootkeys.Options{Key: make([]byte, rootkeys.KeySize)})
	if err != nil {
		log.Fatal(err)
	}
	err = keys.Apply(context.Background(), rootkeys.Position{Issuer: issuer, Revision: 1}, []rootkeys.ChangeSet{{Revision: 1, Changes: []rootkeys.Change{
		{User: &rootkeys.User{ID: user, Name: "alice"}},
		{Project: &rootkeys.Project{ID: project, Name: "demo", Members: map[string]string{user: "owner"}}},
		{Token: &rootkeys.Token{ID: issued.ID, UserID: user, Location: issued.Location, Caveats: issued.Caveats, Signature: issued.Signature[:]}},
	}}})
	if err != nil {
		log.Fatal(err)
	}
	return keys, text
}
