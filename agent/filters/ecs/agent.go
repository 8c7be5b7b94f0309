package ecs

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// agent is the introspection API of the ECS agent.
type agent struct {
	base   string
	client http.Client
}

const (
	perRequest = 2 * time.Second // it runs on the same machine
	maxAnswer  = 4 << 20
)

func newAgent(base string) *agent {
	return &agent{base, http.Client{Timeout: perRequest, Transport: &http.Transport{DisableKeepAlives: true}}}
}

func (a *agent) get(ctx context.Context, path string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.base+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", "Fluent-Bit")
	resp, err := a.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %s to %s", resp.Status, path)
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(into); err != nil {
		return fmt.Errorf("its answer to %s is not understood: %w", path, err)
	}
	return nil
}

// cluster returns what is the same for all containers of the machine.
func (a *agent) cluster(ctx context.Context) (map[string]string, error) {
	var answer struct{ Cluster, ContainerInstanceArn, Version string }
	if err := a.get(ctx, "/v1/metadata", &answer); err != nil {
		return nil, err
	}
	if answer.Cluster == "" || answer.ContainerInstanceArn == "" || answer.Version == "" {
		return nil, fmt.Errorf("its answer to /v1/metadata lacks Cluster, ContainerInstanceArn or Version")
	}
	return map[string]string{
		"ClusterName":          answer.Cluster,
		"ContainerInstanceArn": answer.ContainerInstanceArn,
		"ContainerInstanceID":  lastPart(answer.ContainerInstanceArn),
		"ECSAgentVersion":      answer.Version,
	}, nil
}

// task returns the metadata of all containers of the task that a container belongs to, by their short IDs.
func (a *agent) task(ctx context.Context, id string) (map[string]map[string]string, error) {
	var answer struct {
		Arn, Family, Version string
		Containers           []struct{ DockerID, DockerName, Name string }
	}
	if err := a.get(ctx, "/v1/tasks?dockerid="+url.QueryEscape(id), &answer); err != nil {
		return nil, err
	}
	if answer.Arn == "" {
		return nil, fmt.Errorf("its answer names no task")
	}
	all := map[string]map[string]string{}
	for _, c := range answer.Containers {
		if len(c.DockerID) < 12 {
			continue
		}
		all[c.DockerID[:12]] = map[string]string{
			"ContainerID":           c.DockerID,
			"DockerContainerName":   c.DockerName,
			"ECSContainerName":      c.Name,
			"TaskARN":               answer.Arn,
			"TaskID":                lastPart(answer.Arn),
			"TaskDefinitionFamily":  answer.Family,
			"TaskDefinitionVersion": answer.Version,
		}
	}
	return all, nil
}

// lastPart is the ID at the end of an ARN.
func lastPart(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }
