package main

import (
	"context"
	"crypto/x509"
	"syscall"
	"time"

	"github.com/notaryproject/notation-go"
	"github.com/notaryproject/notation-go/dir"
	"github.com/notaryproject/notation-go/verifier"
	"github.com/notaryproject/notation-go/verifier/truststore"
)

// measureRequest says how often to verify the envelope of a verifyRequest, under its policy.
type measureRequest struct {
	Times int `json:"times"`
}

// measured is what verifying took.
type measured struct {
	// WallNanoseconds has one value of each verification.
	WallNanoseconds []int64 `json:"wallNanoseconds"`
	// CPUNanoseconds is of the whole process, for all verifications together.
	CPUNanoseconds int64 `json:"cpuNanoseconds"`
}

// measure verifies one envelope over and over with one verifier. The trust store is read from its files once, so that
// no file is read while the time is taken.
func measure(ctx context.Context, req *request) (answer, error) {
	if req.Subject == nil || req.Times < 1 {
		return answer{}, fault("measure: expected a subject, and times from 1")
	}
	document, err := policyOf(req.Policy)
	if err != nil {
		return answer{}, err
	}
	stores := &readOnce{from: truststore.NewX509TrustStore(dir.NewSysFS(req.Stores)), known: map[string][]*x509.Certificate{}}
	with, err := verifier.New(document, stores, nil)
	if err != nil {
		return answer{}, err
	}
	options := notation.VerifierVerifyOptions{ArtifactReference: req.Reference, SignatureMediaType: req.MediaType}
	if _, err := with.Verify(ctx, *req.Subject, req.SignatureEnvelope, options); err != nil {
		return answer{}, err
	}
	took := measured{WallNanoseconds: make([]int64, 0, req.Times)}
	before, err := cpuTime()
	if err != nil {
		return answer{}, fault("%v", err)
	}
	for range req.Times {
		began := time.Now()
		if _, err := with.Verify(ctx, *req.Subject, req.SignatureEnvelope, options); err != nil {
			return answer{}, err
		}
		took.WallNanoseconds = append(took.WallNanoseconds, time.Since(began).Nanoseconds())
	}
	after, err := cpuTime()
	if err != nil {
		return answer{}, fault("%v", err)
	}
	took.CPUNanoseconds = after - before
	return answer{Measured: &took}, nil
}

// cpuTime is what this process has used of all cores, nanoseconds.
func cpuTime() (int64, error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0, err
	}
	return usage.Utime.Nano() + usage.Stime.Nano(), nil
}

// readOnce keeps the certificates of each store.
type readOnce struct {
	from  truststore.X509TrustStore
	known map[string][]*x509.Certificate
}

func (s *readOnce) GetCertificates(ctx context.Context, kind truststore.Type, name string) ([]*x509.Certificate, error) {
	key := string(kind) + ":" + name
	if certificates, ok := s.known[key]; ok {
		return certificates, nil
	}
	certificates, err := s.from.GetCertificates(ctx, kind, name)
	if err == nil {
		s.known[key] = certificates
	}
	return certificates, err
}
