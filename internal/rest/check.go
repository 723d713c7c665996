package rest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/access"
	"keyward.dev/keyward/internal/keymanager/draft"
	"keyward.dev/keyward/internal/manifest"
	"keyward.dev/keyward/internal/probe"
)

// CheckBody says how far the check of a registered key manager goes.
type CheckBody struct {
	Register *bool `json:"register,omitempty" doc:"Make a trial client at the server and delete it again; default true"`
}

// CheckUnsavedBody has the manifest of a key manager that is checked and not stored.
type CheckUnsavedBody struct {
	Manifest json.RawMessage `json:"manifest" doc:"Of a KeyManager. {stored: true} takes the secret of the stored one of that name"`
	Register *bool           `json:"register,omitempty" doc:"Make a trial client at the server and delete it again; default true"`
}

// JudgeBody has a token that a registered key manager is to judge.
type JudgeBody struct {
	Token string `json:"token" doc:"It is not kept, and only its fingerprint is shown"`
}

// JudgeUnsavedBody has a token, and the manifest of a key manager that is to judge it and is not stored.
type JudgeUnsavedBody struct {
	Manifest json.RawMessage `json:"manifest" doc:"Of a KeyManager. {stored: true} takes the secret of the stored one of that name"`
	Token    string          `json:"token" doc:"It is not kept, and only its fingerprint is shown"`
}

type checkInput struct {
	TenantQuery
	BodyInput
	Name   string `path:"name"`
	Accept string `header:"Accept" doc:"application/x-ndjson: each step as a line of its own, as soon as it is known, then the report"`
}

type checkUnsavedInput struct {
	TenantQuery
	BodyInput
	Accept string `header:"Accept" doc:"application/x-ndjson: each step as a line of its own, as soon as it is known, then the report"`
}

// CheckEvent is one line of a check that is told while it runs: a step, or at the end the report or what went wrong.
type CheckEvent struct {
	Step    *probe.Line   `json:"step,omitempty"`
	Report  *probe.Report `json:"report,omitempty"`
	Problem *Problem      `json:"problem,omitempty"`
}

const (
	checkPath        = "/api/v1/key-managers/{name}/check"
	checkUnsavedPath = "/api/v1/key-managers/check"
	judgePath        = "/api/v1/key-managers/{name}/check-token"
	judgeUnsavedPath = "/api/v1/key-managers/check-token"
	linesType        = "application/x-ndjson"
)

func (s *Server) checkRoutes() {
	responses := answers(http.StatusOK, s.schemaOf(reflect.TypeFor[probe.Report]()))
	responses["200"].Content[linesType] = &huma.MediaType{Schema: s.schemaOf(reflect.TypeFor[CheckEvent]())}
	tag := []string{keyward.KindKeyManager.Plural()}
	route(s, huma.Operation{
		OperationID: "check-key-manager", Method: http.MethodPost, Path: checkPath, Tags: tag, Responses: responses,
		Summary: "Live checks of a registered key manager, within 60 seconds",
	}, func(ctx context.Context, p keyward.Principal, in *checkInput) (*huma.StreamResponse, error) {
		body, err := permitted[CheckBody](p, in.tenant(), in.RawBody)
		if err != nil {
			return nil, err
		}
		c, err := s.deps.Probe.Saved(ctx, in.tenant(), in.Name, order(p, body.Register))
		return s.checked(c, in.Accept, err) //nolint:contextcheck // the stream has its own
	})
	s.describeBody(http.MethodPost, checkPath, s.schemaOf(reflect.TypeFor[CheckBody]()))
	responses = answers(http.StatusOK, s.schemaOf(reflect.TypeFor[probe.Report]()))
	responses["200"].Content[linesType] = &huma.MediaType{Schema: s.schemaOf(reflect.TypeFor[CheckEvent]())}
	route(s, huma.Operation{
		OperationID: "check-unsaved-key-manager", Method: http.MethodPost, Path: checkUnsavedPath, Tags: tag, Responses: responses,
		Summary: "Live checks of a key manager that is not stored, and is not stored by this, within 60 seconds",
	}, func(ctx context.Context, p keyward.Principal, in *checkUnsavedInput) (*huma.StreamResponse, error) {
		body, err := permitted[CheckUnsavedBody](p, in.tenant(), in.RawBody)
		if err != nil {
			return nil, err
		}
		c, err := s.unsaved(ctx, in.tenant(), body.Manifest, order(p, body.Register))
		return s.checked(c, in.Accept, err) //nolint:contextcheck // the stream has its own
	})
	s.describeBody(http.MethodPost, checkUnsavedPath, s.schemaOf(reflect.TypeFor[CheckUnsavedBody]()))
	s.judgeRoutes(tag)
}

func (s *Server) judgeRoutes(tag []string) {
	route(s, huma.Operation{
		OperationID: "check-token", Method: http.MethodPost, Path: judgePath, Tags: tag,
		Summary: "What gateways make of a token by a registered key manager's settings, with their own code",
	}, func(ctx context.Context, p keyward.Principal, in *checkInput) (*answerOf[probe.Judgement], error) {
		body, err := permitted[JudgeBody](p, in.tenant(), in.RawBody)
		if err != nil {
			return nil, err
		}
		c, err := s.deps.Probe.Saved(ctx, in.tenant(), in.Name, order(p, nil))
		return judged(ctx, c, body.Token, err)
	})
	s.describeBody(http.MethodPost, judgePath, s.schemaOf(reflect.TypeFor[JudgeBody]()))
	route(s, huma.Operation{
		OperationID: "check-token-unsaved", Method: http.MethodPost, Path: judgeUnsavedPath, Tags: tag,
		Summary: "What gateways would make of a token by the settings of a key manager that is not stored",
	}, func(ctx context.Context, p keyward.Principal, in *createInput) (*answerOf[probe.Judgement], error) {
		body, err := permitted[JudgeUnsavedBody](p, in.tenant(), in.RawBody)
		if err != nil {
			return nil, err
		}
		c, err := s.unsaved(ctx, in.tenant(), body.Manifest, order(p, nil))
		return judged(ctx, c, body.Token, err)
	})
	s.describeBody(http.MethodPost, judgeUnsavedPath, s.schemaOf(reflect.TypeFor[JudgeUnsavedBody]()))
}

// permitted reads the body of somebody who may check key managers.
func permitted[T any](p keyward.Principal, tenant string, raw []byte) (T, error) {
	if err := access.Require(p, access.RightCheck, tenant); err != nil {
		var none T
		return none, err
	}
	return decode[T](raw)
}

func order(p keyward.Principal, register *bool) probe.Order {
	return probe.Order{Actor: p.Actor(), Register: register == nil || *register}
}

// unsaved prepares the check of a manifest.
func (s *Server) unsaved(ctx context.Context, tenant string, raw []byte, o probe.Order) (*probe.Check, error) {
	if len(raw) == 0 {
		return nil, badField("manifest", "is required: that of the key manager to check")
	}
	d, faults := manifest.DecodeAs(raw, keyward.KindKeyManager)
	for i := range faults {
		faults[i].Path = "manifest." + faults[i].Path
	}
	if err := keyward.Invalid(faults); err != nil {
		return nil, err
	}
	m := d.Manifest.Metadata
	spec, ok := d.Spec.(*keyward.KeyManagerSpec)
	switch {
	case !ok:
		return nil, badField("manifest.kind", "is "+string(keyward.KindKeyManager)+": nothing else is checked")
	case m.Tenant != "" && m.Tenant != tenant:
		return nil, badField("manifest.metadata.tenant", "is not the tenant of the address")
	}
	c, err := s.deps.Probe.Unsaved(ctx, tenant, m.Name, spec, o)
	if e, told := errors.AsType[*keyward.Error](err); told {
		for i := range e.Fields {
			e.Fields[i].Path = "manifest." + e.Fields[i].Path
		}
	}
	return c, err
}

func judged(ctx context.Context, c *probe.Check, token string, err error) (*answerOf[probe.Judgement], error) {
	if err == nil && token == "" {
		err = badField("token", "is required: the access token that is to be judged")
	}
	if err != nil {
		return nil, err
	}
	return answered(c.Token(ctx, token))
}

// checked runs the check: its report is the answer, or each step is a line of it as soon as it is known.
func (s *Server) checked(c *probe.Check, accept string, err error) (*huma.StreamResponse, error) {
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		if !strings.Contains(accept, linesType) {
			report, err := c.Run(ctx.Context(), nil)
			if err != nil {
				s.refuse(ctx, err)
				return
			}
			ctx.SetHeader("Content-Type", "application/json")
			_ = json.NewEncoder(ctx.BodyWriter()).Encode(report) // the client went away: nobody is left to tell
			return
		}
		ctx.SetHeader("Content-Type", linesType)
		w := ctx.BodyWriter()
		report, err := c.Run(ctx.Context(), func(l probe.Line) { tell(w, CheckEvent{Step: &l}) })
		if err != nil {
			tell(w, CheckEvent{Problem: s.problem(ctx.Context(), err)})
			return
		}
		tell(w, CheckEvent{Report: report})
	}}, nil
}

// tell sends one line at once.
func tell(w io.Writer, e CheckEvent) {
	_ = json.NewEncoder(w).Encode(e) // the client went away: the check ends by itself
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
}

// DiscoverBody asks for the manifest of a server.
type DiscoverBody struct {
	URL  string                 `json:"url" doc:"An issuer, or the address of its metadata"`
	Type keyward.KeyManagerType `json:"type,omitempty" doc:"Default: what the metadata looks like"`
	Name string                 `json:"name,omitempty" doc:"Of the key manager; default: made of the host's name"`

	Proxy string `json:"proxy,omitempty" doc:"URL of a proxy through which the server is reached, as in spec.outbound"`
	CA    string `json:"ca,omitempty" doc:"PEM of the authorities that sign its certificate, as in spec.outbound"`
}

const discoverPath = "/api/v1/key-managers/discover"

func (s *Server) discoverRoute() {
	route(s, huma.Operation{
		OperationID: "discover-key-manager", Method: http.MethodPost, Path: discoverPath, Tags: []string{keyward.KindKeyManager.Plural()},
		Summary: "A manifest filled in from a server's metadata, with what a person should know; nothing is stored",
	}, func(ctx context.Context, p keyward.Principal, in *createInput) (*answerOf[draft.Draft], error) {
		body, err := permitted[DiscoverBody](p, in.tenant(), in.RawBody)
		if err != nil {
			return nil, err
		}
		d, err := s.deps.Probe.Discover(ctx, draft.Ask{
			URL: body.URL, Type: body.Type, Name: body.Name, Proxy: body.Proxy, CA: body.CA,
		})
		if err != nil {
			return nil, err
		}
		return &answerOf[draft.Draft]{Body: *d}, nil
	})
	s.describeBody(http.MethodPost, discoverPath, s.schemaOf(reflect.TypeFor[DiscoverBody]()))
}
