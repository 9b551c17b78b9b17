package main

import (
	"github.com/notaryproject/notation-go/registry"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/retry"
)

// target is what to sign or verify.
type target struct {
	// Reference is `registry/repository@digest`. With a layout, registry and repository are only the policy's scope.
	Reference string `json:"reference"`
	// Layout is the folder of an OCI image layout; empty: the registry of the reference, over plain HTTP.
	Layout   string `json:"layout"`
	Username string `json:"username"`
	Password string `json:"password"`
	// Subject, with an envelope: no registry is asked.
	Subject *ocispec.Descriptor `json:"subject"`
}

func (t *target) repository() (registry.Repository, error) {
	if t.Layout != "" {
		return registry.NewOCIRepository(t.Layout, registry.RepositoryOptions{})
	}
	repository, err := remote.NewRepository(t.Reference)
	if err != nil {
		return nil, fault("reference %q: %v", t.Reference, err)
	}
	repository.PlainHTTP = true
	client := &auth.Client{Client: retry.DefaultClient, Cache: auth.NewCache()}
	if t.Username != "" {
		credential := auth.Credential{Username: t.Username, Password: t.Password}
		client.Credential = auth.StaticCredential(repository.Reference.Registry, credential)
	}
	repository.Client = client
	return registry.NewRepository(repository), nil
}
