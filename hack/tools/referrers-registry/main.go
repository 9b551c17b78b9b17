// Command referrers-registry serves an in-memory OCI registry that has the Referrers API
// (OCI distribution-spec 1.1), for tests and the demo. What the library leaves out of the
// specification is added here: the header OCI-Subject, and the artifactType of manifests. With -username and -password it asks
// for basic authentication.
package main

import (
	"bytes"
	"crypto/subtle"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	"golang.org/x/crypto/bcrypt"
)

func main() {
	address := flag.String("address", "127.0.0.1:0", "host:port to listen on; port 0 picks a free one")
	username := flag.String("username", "", "user name to ask for; empty asks for none")
	password := flag.String("password", "", "password to ask for, with -username")
	htpasswd := flag.Bool("htpasswd", false, "print an htpasswd line (bcrypt) for -username and -password, and end")
	flag.Parse()

	if *htpasswd {
		hash, err := bcrypt.GenerateFromPassword([]byte(*password), bcrypt.MinCost)
		if err != nil {
			log.Fatalf("htpasswd: %v", err)
		}
		fmt.Printf("%s:%s\n", *username, hash)
		return
	}
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		log.Fatalf("listen on %s: %v", *address, err)
	}
	var handler http.Handler = registry.New(
		registry.WithReferrersSupport(true),
		registry.Logger(log.New(io.Discard, "", 0)),
	)
	handler = conform(handler)
	if *username != "" {
		handler = requireBasic(handler, *username, *password)
	}
	// The one line on standard output that a caller waits for.
	fmt.Printf("listening on %s\n", listener.Addr())
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.Serve(listener))
}

func requireBasic(next http.Handler, username, password string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, p, ok := r.BasicAuth()
		same := func(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
		if !ok || !same(u, username) || !same(p, password) {
			w.Header().Set("WWW-Authenticate", `Basic realm="referrers-registry"`)
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// manifest is what conform reads of one.
type manifest struct {
	ArtifactType string `json:"artifactType"`
	Config       struct {
		MediaType string `json:"mediaType"`
	} `json:"config"`
	Subject *struct {
		Digest string `json:"digest"`
	} `json:"subject"`
}

// conform adds what the specification asks for and the library does not do: OCI-Subject on a pushed
// manifest with a subject, and in a list of referrers each manifest's own artifactType, filtered by it.
func conform(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/"):
			body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 4<<20))
			if err != nil {
				http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
				return
			}
			var m manifest
			if json.Unmarshal(body, &m) == nil && m.Subject != nil {
				w.Header().Set("OCI-Subject", m.Subject.Digest)
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			next.ServeHTTP(w, r)
		case r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/referrers/"):
			listReferrers(next, w, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func listReferrers(next http.Handler, w http.ResponseWriter, r *http.Request) {
	answer := httptest.NewRecorder()
	next.ServeHTTP(answer, r)
	var index map[string]any
	if answer.Code != http.StatusOK || json.Unmarshal(answer.Body.Bytes(), &index) != nil {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
		return
	}
	wanted := r.URL.Query().Get("artifactType")
	repository, _, _ := strings.Cut(r.URL.Path, "/referrers/")
	kept := []any{}
	entries, _ := index["manifests"].([]any)
	for _, entry := range entries {
		descriptor, _ := entry.(map[string]any)
		found := httptest.NewRecorder()
		next.ServeHTTP(found, httptest.NewRequest(http.MethodGet, fmt.Sprintf("%s/manifests/%v", repository, descriptor["digest"]), nil))
		var m manifest
		if found.Code != http.StatusOK || json.Unmarshal(found.Body.Bytes(), &m) != nil {
			continue
		}
		if m.ArtifactType == "" {
			m.ArtifactType = m.Config.MediaType
		}
		descriptor["artifactType"] = m.ArtifactType
		if wanted == "" || m.ArtifactType == wanted {
			kept = append(kept, descriptor)
		}
	}
	index["manifests"] = kept
	if wanted != "" {
		w.Header().Set("OCI-Filters-Applied", "artifactType")
	}
	w.Header().Set("Content-Type", "application/vnd.oci.image.index.v1+json")
	_ = json.NewEncoder(w).Encode(index)
}
