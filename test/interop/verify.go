package main

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/notaryproject/notation-go"
	"github.com/notaryproject/notation-go/dir"
	"github.com/notaryproject/notation-go/verifier"
	"github.com/notaryproject/notation-go/verifier/trustpolicy"
	"github.com/notaryproject/notation-go/verifier/truststore"
)

const maxSignatures = 100

// verifyRequest says under which policy to verify, and what.
type verifyRequest struct {
	// Policy is a trust policy document.
	Policy json.RawMessage `json:"policy"`
	// Stores is the folder that holds truststore/x509/TYPE/NAME/.
	Stores string `json:"stores"`
	// SignatureEnvelope, with Subject: verified alone. Base64 in JSON.
	SignatureEnvelope []byte `json:"signatureEnvelope"`
	MediaType         string `json:"mediaType"`
	// RequiredMetadata must be signed.
	RequiredMetadata map[string]string `json:"requiredMetadata"`
}

func verify(ctx context.Context, req *request) (answer, error) {
	document, err := policyOf(req.Policy)
	if err != nil {
		return answer{}, err
	}
	with, err := verifier.New(document, truststore.NewX509TrustStore(dir.NewSysFS(req.Stores)), nil)
	if err != nil {
		return answer{}, err
	}
	if req.Subject != nil {
		outcome, err := with.Verify(ctx, *req.Subject, req.SignatureEnvelope, notation.VerifierVerifyOptions{
			ArtifactReference:  req.Reference,
			SignatureMediaType: req.MediaType,
			UserMetadata:       req.RequiredMetadata,
		})
		return answer{Results: resultsOf(outcome)}, err
	}
	repository, err := req.repository()
	if err != nil {
		return answer{}, err
	}
	artifact, outcomes, err := notation.Verify(ctx, with, repository, notation.VerifyOptions{
		ArtifactReference:    req.Reference,
		MaxSignatureAttempts: maxSignatures,
		UserMetadata:         req.RequiredMetadata,
	})
	reply := answer{Digest: artifact.Digest.String()}
	for _, outcome := range outcomes {
		reply.Results = append(reply.Results, resultsOf(outcome)...)
	}
	return reply, err
}

func checkPolicy(req *request) (answer, error) {
	document, err := policyOf(req.Policy)
	if err != nil {
		return answer{}, err
	}
	if err := document.Validate(); err != nil || req.Reference == "" {
		return answer{}, err
	}
	statement, err := document.GetApplicableTrustPolicy(req.Reference)
	if err != nil {
		return answer{}, err
	}
	return answer{Statement: statement.Name}, nil
}

// policyOf reads a document as notation-go reads its file; what it cannot read, it refuses.
func policyOf(text json.RawMessage) (*trustpolicy.Document, error) {
	var document trustpolicy.Document
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&document); err != nil {
		return nil, err
	}
	return &document, nil
}

func resultsOf(outcome *notation.VerificationOutcome) []result {
	if outcome == nil {
		return nil
	}
	var results []result
	for _, each := range outcome.VerificationResults {
		if each == nil {
			continue
		}
		told := result{Type: string(each.Type), Action: string(each.Action)}
		if each.Error != nil {
			told.Error = each.Error.Error()
		}
		results = append(results, told)
	}
	return results
}
