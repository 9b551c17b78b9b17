package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"time"

	"github.com/notaryproject/notation-core-go/signature"
	"github.com/notaryproject/notation-core-go/signature/cose"
	"github.com/notaryproject/notation-core-go/signature/jws"
	"github.com/notaryproject/notation-go"
	"github.com/notaryproject/notation-go/signer"
	"github.com/notaryproject/tspclient-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

const payloadType = "application/vnd.cncf.notary.payload.v1+json"

// signRequest says how to sign.
type signRequest struct {
	// Format is jws or cose.
	Format string `json:"format"`
	// Key and Chain are PEM, the chain leaf first.
	Key   string `json:"key"`
	Chain string `json:"chain"`
	// ExpirySeconds after signing; 0: none.
	ExpirySeconds int64             `json:"expirySeconds"`
	UserMetadata  map[string]string `json:"userMetadata"`
	// Scheme is notary.x509 unless it is named.
	Scheme string `json:"scheme"`
	// TimestampURL names an RFC 3161 authority, TimestampRoots its roots, PEM.
	TimestampURL   string `json:"timestampUrl"`
	TimestampRoots string `json:"timestampRoots"`
}

func sign(ctx context.Context, req *request) (answer, error) {
	mediaType, err := mediaTypeOf(req.Format)
	if err != nil {
		return answer{}, err
	}
	with, err := signerOf(&req.signRequest)
	if err != nil {
		return answer{}, err
	}
	options := notation.SignerSignOptions{
		SignatureMediaType: mediaType,
		ExpiryDuration:     time.Duration(req.ExpirySeconds) * time.Second,
	}
	if req.TimestampURL != "" {
		if options.Timestamper, err = tspclient.NewHTTPTimestamper(http.DefaultClient, req.TimestampURL); err != nil {
			return answer{}, fault("timestampUrl: %v", err)
		}
		options.TSARootCAs = x509.NewCertPool()
		if !options.TSARootCAs.AppendCertsFromPEM([]byte(req.TimestampRoots)) {
			return answer{}, fault("timestampRoots: no certificate")
		}
	}
	if req.Subject != nil {
		subject := *req.Subject
		if len(req.UserMetadata) > 0 {
			subject.Annotations = req.UserMetadata
		}
		envelope, _, err := with.Sign(ctx, subject, options)
		return answer{Envelope: envelope, Digest: subject.Digest.String()}, err
	}
	repository, err := req.repository()
	if err != nil {
		return answer{}, err
	}
	signed, err := notation.Sign(ctx, with, repository, notation.SignOptions{
		SignerSignOptions: options,
		ArtifactReference: req.Reference,
		UserMetadata:      req.UserMetadata,
	})
	return answer{Digest: signed.Digest.String()}, err
}

func mediaTypeOf(format string) (string, error) {
	switch format {
	case "jws":
		return jws.MediaTypeEnvelope, nil
	case "cose":
		return cose.MediaTypeEnvelope, nil
	default:
		return "", fault("format %q: expected jws or cose", format)
	}
}

func signerOf(req *signRequest) (notation.Signer, error) {
	pair, err := tls.X509KeyPair([]byte(req.Chain), []byte(req.Key))
	if err != nil {
		return nil, err
	}
	chain := make([]*x509.Certificate, len(pair.Certificate))
	for i, der := range pair.Certificate {
		if chain[i], err = x509.ParseCertificate(der); err != nil {
			return nil, err
		}
	}
	if req.Scheme == "" || req.Scheme == string(signature.SigningSchemeX509) {
		return signer.NewGenericSigner(pair.PrivateKey, chain)
	}
	local, err := signature.NewLocalSigner(chain, pair.PrivateKey)
	if err != nil {
		return nil, err
	}
	return &schemeSigner{signer: local, scheme: signature.SigningScheme(req.Scheme)}, nil
}

// schemeSigner signs under a scheme that notation-go's own signer does not offer.
type schemeSigner struct {
	signer signature.Signer
	scheme signature.SigningScheme
}

// Sign implements notation.Signer.
func (s *schemeSigner) Sign(ctx context.Context, desc ocispec.Descriptor, options notation.SignerSignOptions) ([]byte, *signature.SignerInfo, error) {
	payload, err := json.Marshal(map[string]any{"targetArtifact": desc})
	if err != nil {
		return nil, nil, err
	}
	now := time.Now()
	req := &signature.SignRequest{
		Payload:       signature.Payload{ContentType: payloadType, Content: payload},
		Signer:        s.signer,
		SigningTime:   now,
		SigningScheme: s.scheme,
		SigningAgent:  "notation-judge",
	}
	if options.ExpiryDuration != 0 {
		req.Expiry = now.Add(options.ExpiryDuration)
	}
	envelope, err := signature.NewEnvelope(options.SignatureMediaType)
	if err != nil {
		return nil, nil, err
	}
	signed, err := envelope.Sign(req.WithContext(ctx))
	if err != nil {
		return nil, nil, err
	}
	content, err := envelope.Verify()
	if err != nil {
		return nil, nil, err
	}
	return signed, &content.SignerInfo, nil
}
