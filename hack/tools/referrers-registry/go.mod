// A registry with the Referrers API. Built by hack/tools.
module sealwatch.dev/hack/tools/referrers-registry

go 1.26.0

require github.com/google/go-containerregistry v0.22.1

require golang.org/x/crypto v0.58.0
