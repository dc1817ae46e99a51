// The peers that the verifier is measured against. Nothing of the product needs them.
module github.com/rind-dev/rind/verifier/bench

go 1.26.0

replace github.com/rind-dev/rind => ../..

require (
	aidanwoods.dev/go-paseto v1.6.0
	github.com/golang-jwt/jwt/v5 v5.3.1
	github.com/jackc/pgx/v5 v5.12.0
	github.com/rind-dev/rind v0.0.0
	go.etcd.io/bbolt v1.5.0
	golang.org/x/crypto v0.57.0
	gopkg.in/macaroon.v2 v2.1.0
)

require (
	aidanwoods.dev/go-result v0.3.1 // indirect
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	github.com/klauspost/compress v1.20.1 // indirect
	golang.org/x/net v0.59.0 // indirect
	golang.org/x/sys v0.48.0 // indirect
	golang.org/x/text v0.42.0 // indirect
)
