// Package jobtoken gets upload tokens in jobs of CI systems, without a secret that somebody stored: trusted publishing as PyPI
// and PEP 807 have it.
//
//	client, err := jobtoken.NewClient("https://packages.example.org", nil)
//	t, err := client.Get(ctx, jobtoken.NewJob(), digests)
//	code, err := jobtoken.Run(ctx, command, jobtoken.Environ(os.Environ(), t.Text, "https://packages.example.org/legacy/"))
//	err = client.Burn(ctx, t.Text)
//
// A Job finds the ID token with which the CI system says what runs. A Client exchanges it for an upload token, and ends that token.
// Run runs an upload client, whose environment Environ makes.
//
// Errors are sentences for whoever wrote the job, and have no token in them.
package jobtoken
