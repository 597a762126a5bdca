-- One text for SQLite and PostgreSQL: see README.md beside this file for the portable subset.

-- Named counters. `seq` orders audit and events; `epoch` is bumped by every write that can change a verdict.
CREATE TABLE counter (
    name TEXT NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO counter (name, value) VALUES ('seq', 0);
INSERT INTO counter (name, value) VALUES ('epoch', 0);

-- What the browser and other replicas are told: something of this topic changed.
CREATE TABLE events (
    seq BIGINT NOT NULL PRIMARY KEY,
    topic TEXT NOT NULL,
    subject TEXT NOT NULL,
    at BIGINT NOT NULL
);

-- Append-only; `seal` = HMAC(key outside the database, previous seal and this entry).
CREATE TABLE audit (
    seq BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    actor_id TEXT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    href TEXT,
    details TEXT NOT NULL,
    seal TEXT NOT NULL
);
CREATE INDEX audit_action ON audit (action, seq);

CREATE TABLE policy (
    revision BIGINT NOT NULL PRIMARY KEY,
    document TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    applied_by TEXT NOT NULL,
    applied_at BIGINT NOT NULL
);

-- People ---------------------------------------------------------------------------------------------------

CREATE TABLE person (
    id TEXT NOT NULL PRIMARY KEY,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    name TEXT NOT NULL,
    email TEXT,
    email_verified BIGINT NOT NULL,
    groups_json TEXT NOT NULL,
    session_epoch BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    UNIQUE (issuer, subject)
);

-- Roles given by `yardmaster user grant`, beside those that groups give. `who` is an e-mail address or a person id.
CREATE TABLE person_grant (
    id TEXT NOT NULL PRIMARY KEY,
    who TEXT NOT NULL,
    role TEXT NOT NULL,
    environment TEXT,
    team TEXT,
    granted_by TEXT NOT NULL,
    granted_at BIGINT NOT NULL
);

-- A commit identity (`email:…`, `github:…`) that a person is known by, said by hand. It may be several people's: a
-- word adds to what is known and never takes another's place.
CREATE TABLE person_identity (
    identity TEXT NOT NULL,
    person_id TEXT NOT NULL REFERENCES person (id),
    mapped_by TEXT NOT NULL,
    mapped_at BIGINT NOT NULL,
    PRIMARY KEY (identity, person_id)
);

CREATE TABLE session (
    id_hash TEXT NOT NULL PRIMARY KEY,
    public_id TEXT NOT NULL,
    person_id TEXT,
    data TEXT NOT NULL,
    browser TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX session_person ON session (person_id, created_at);

-- Webhooks and builds --------------------------------------------------------------------------------------

CREATE TABLE delivery (
    id TEXT NOT NULL PRIMARY KEY,
    source TEXT NOT NULL,
    delivery TEXT NOT NULL,
    event TEXT NOT NULL,
    body TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    repeats BIGINT NOT NULL,
    state TEXT NOT NULL,
    effect TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    UNIQUE (source, delivery)
);
CREATE INDEX delivery_state ON delivery (state, id);

CREATE TABLE repository (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    forge TEXT NOT NULL,
    clone_url TEXT NOT NULL,
    default_branch TEXT NOT NULL,
    wanted_at BIGINT NOT NULL,
    fetched_at BIGINT,
    problem TEXT
);

CREATE TABLE git_commit (
    repository_id TEXT NOT NULL REFERENCES repository (id),
    id TEXT NOT NULL,
    parents TEXT NOT NULL,
    author_name TEXT NOT NULL,
    author_email TEXT NOT NULL,
    committer_name TEXT NOT NULL,
    committer_email TEXT NOT NULL,
    co_authors TEXT NOT NULL,
    subject TEXT NOT NULL,
    committed_at BIGINT NOT NULL,
    PRIMARY KEY (repository_id, id)
);
CREATE INDEX git_commit_id ON git_commit (id);

CREATE TABLE branch (
    repository_id TEXT NOT NULL REFERENCES repository (id),
    name TEXT NOT NULL,
    head TEXT NOT NULL,
    seen_at BIGINT NOT NULL,
    PRIMARY KEY (repository_id, name)
);

-- One CI run. `rank` and `updated_at` make merging monotone: older news never overwrites newer.
CREATE TABLE build (
    id TEXT NOT NULL PRIMARY KEY,
    repository_id TEXT NOT NULL REFERENCES repository (id),
    external_id TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    number BIGINT NOT NULL,
    workflow TEXT NOT NULL,
    event TEXT NOT NULL,
    branch TEXT NOT NULL,
    commit_id TEXT NOT NULL,
    head_repository TEXT NOT NULL,
    actor_login TEXT,
    status TEXT NOT NULL,
    rank BIGINT NOT NULL,
    url TEXT,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    ended_at BIGINT,
    updated_at BIGINT NOT NULL,
    counts BIGINT,
    counts_why TEXT,
    UNIQUE (repository_id, external_id)
);
CREATE INDEX build_commit ON build (repository_id, commit_id);
CREATE INDEX build_created ON build (created_at, id);

CREATE TABLE build_stage (
    build_id TEXT NOT NULL REFERENCES build (id),
    external_id TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    rank BIGINT NOT NULL,
    started_at BIGINT,
    ended_at BIGINT,
    PRIMARY KEY (build_id, external_id)
);

-- Pull requests: who proposed what. `author_login`, `merge_commit` and `merged_at` are never taken back once known;
-- `head_commit` and `base_branch` are those of the newest news, as of `updated_at`.
CREATE TABLE pull_request (
    repository_id TEXT NOT NULL REFERENCES repository (id),
    number BIGINT NOT NULL,
    author_login TEXT,
    head_commit TEXT NOT NULL,
    head_repository TEXT NOT NULL,
    base_branch TEXT NOT NULL,
    merge_commit TEXT,
    merged_at BIGINT,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (repository_id, number)
);
CREATE INDEX pull_request_head ON pull_request (repository_id, head_commit);
CREATE INDEX pull_request_merge ON pull_request (repository_id, merge_commit);

-- AWS ------------------------------------------------------------------------------------------------------

-- An account and region, and how reading it goes. `reader` is one of ecs, tasks, ecr, alarms.
CREATE TABLE scope (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    reader TEXT NOT NULL,
    read_at BIGINT,
    missed BIGINT NOT NULL,
    problem TEXT,
    PRIMARY KEY (account, region, reader)
);

-- Clusters as ECS last described them: all there are, and those that policy binds environments to. `status` is ECS's
-- word, or MISSING where it knows none of that name.
CREATE TABLE cluster (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    arn TEXT,
    status TEXT NOT NULL,
    services BIGINT NOT NULL,
    running BIGINT NOT NULL,
    pending BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    gone_at BIGINT,
    PRIMARY KEY (account, region, name)
);

-- Images by what they are: a digest in a repository of a registry. `repository` is the full name
-- (111122223333.dkr.ecr.eu-west-1.amazonaws.com/acme/checkout).
CREATE TABLE image (
    id TEXT NOT NULL PRIMARY KEY,
    repository TEXT NOT NULL,
    digest TEXT NOT NULL,
    tags TEXT NOT NULL,
    commit_id TEXT,
    branch TEXT,
    platform TEXT,
    size_bytes BIGINT,
    pushed_at BIGINT NOT NULL,
    archived BIGINT NOT NULL,
    gone_at BIGINT,
    seen_at BIGINT NOT NULL,
    UNIQUE (repository, digest)
);
CREATE INDEX image_digest ON image (digest);
CREATE INDEX image_commit ON image (commit_id);
CREATE INDEX image_pushed ON image (repository, pushed_at);

CREATE TABLE service (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    team TEXT NOT NULL,
    repository TEXT,
    image_repository TEXT
);

-- Every ECS service that exists; `slot_id` where it is mapped. `tasks_read_at`: when its tasks were last read;
-- `tasks_sign`: a fingerprint of what the service was like then; `events`: what ECS had said last by then.
CREATE TABLE ecs_service (
    arn TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    cluster_arn TEXT NOT NULL,
    cluster TEXT NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    controller TEXT NOT NULL,
    task_definition TEXT NOT NULL,
    desired BIGINT NOT NULL,
    running BIGINT NOT NULL,
    pending BIGINT NOT NULL,
    document TEXT NOT NULL,
    slot_id TEXT,
    unmapped_why TEXT,
    containers TEXT NOT NULL,
    tasks_read_at BIGINT,
    tasks_sign TEXT,
    events TEXT,
    seen_at BIGINT NOT NULL,
    gone_at BIGINT
);

-- Tasks of mapped ECS services as they were last read: those that should run, and the newest that stopped.
-- `containers` holds their images, digests, exit codes and reasons.
CREATE TABLE task (
    arn TEXT NOT NULL PRIMARY KEY,
    ecs_service_arn TEXT NOT NULL,
    task_definition TEXT NOT NULL,
    status TEXT NOT NULL,
    desired_status TEXT NOT NULL,
    health TEXT,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    stopped_at BIGINT,
    stop_code TEXT,
    stopped_reason TEXT,
    containers TEXT NOT NULL
);
CREATE INDEX task_service ON task (ecs_service_arn);

-- A person's word on what an unmapped ECS service is.
CREATE TABLE mapping (
    arn TEXT NOT NULL PRIMARY KEY,
    service TEXT NOT NULL,
    container TEXT NOT NULL,
    mapped_by TEXT NOT NULL,
    mapped_at BIGINT NOT NULL
);

-- One service in one environment. `running_*` is what ECS says, `deployed_*` what Yardmaster deployed last.
CREATE TABLE slot (
    id TEXT NOT NULL PRIMARY KEY,
    service_id TEXT NOT NULL REFERENCES service (id),
    environment TEXT NOT NULL,
    ecs_service_arn TEXT NOT NULL,
    container TEXT NOT NULL,
    running_digest TEXT,
    running_image TEXT,
    running_task_definition TEXT,
    running_since BIGINT,
    deployed_digest TEXT,
    deployed_at BIGINT,
    drift TEXT,
    seen_at BIGINT NOT NULL,
    UNIQUE (service_id, environment)
);

-- Immutable AWS documents by ARN. `content` is encrypted: environment values stand in task definitions.
CREATE TABLE task_definition (
    arn TEXT NOT NULL PRIMARY KEY,
    family TEXT NOT NULL,
    revision BIGINT NOT NULL,
    content TEXT NOT NULL,
    content_sha256 TEXT NOT NULL,
    images TEXT NOT NULL,
    seen_at BIGINT NOT NULL
);
CREATE TABLE service_revision (
    arn TEXT NOT NULL PRIMARY KEY,
    task_definition TEXT NOT NULL,
    images TEXT NOT NULL,
    seen_at BIGINT NOT NULL
);

CREATE TABLE alarm (
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    seen_at BIGINT NOT NULL,
    PRIMARY KEY (account, region, name)
);

-- Trains ---------------------------------------------------------------------------------------------------

CREATE TABLE train (
    id TEXT NOT NULL PRIMARY KEY,
    environment TEXT NOT NULL,
    number BIGINT NOT NULL,
    express BIGINT NOT NULL,
    state TEXT NOT NULL,
    revision BIGINT NOT NULL,
    version BIGINT NOT NULL,
    held_by TEXT,
    held_why TEXT,
    captain TEXT,
    created_at BIGINT NOT NULL,
    sealed_at BIGINT,
    sealed_by TEXT,
    manifest TEXT,
    manifest_sha256 TEXT,
    policy_revision BIGINT,
    departed_at BIGINT,
    departed_by TEXT,
    departed_epoch BIGINT,
    ended_at BIGINT,
    ended_why TEXT,
    UNIQUE (environment, number)
);
CREATE UNIQUE INDEX train_one_boarding ON train (environment) WHERE state = 'boarding' AND express = 0;
CREATE UNIQUE INDEX train_one_sealed ON train (environment) WHERE state IN ('sealed', 'departing') AND express = 0;
CREATE UNIQUE INDEX train_one_express_boarding ON train (environment) WHERE state = 'boarding' AND express = 1;
CREATE UNIQUE INDEX train_one_express_sealed ON train (environment) WHERE state IN ('sealed', 'departing') AND express = 1;

-- Everyone who sealed or edited a train: they cannot approve it.
CREATE TABLE train_editor (
    train_id TEXT NOT NULL REFERENCES train (id),
    person_id TEXT NOT NULL,
    PRIMARY KEY (train_id, person_id)
);

CREATE TABLE car (
    id TEXT NOT NULL PRIMARY KEY,
    train_id TEXT NOT NULL REFERENCES train (id),
    slot_id TEXT NOT NULL REFERENCES slot (id),
    image_repository TEXT NOT NULL,
    digest TEXT NOT NULL,
    commit_id TEXT,
    branch TEXT,
    build_id TEXT,
    promoted_from TEXT,
    from_digest TEXT,
    position BIGINT NOT NULL,
    state TEXT NOT NULL,
    note TEXT,
    deployment_id TEXT,
    base_task_definition TEXT,
    content TEXT,
    content_sha256 TEXT,
    boarded_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    UNIQUE (train_id, slot_id)
);

-- The last computed verdicts of a train's gates, for display and for "since when".
CREATE TABLE gate_verdict (
    train_id TEXT NOT NULL REFERENCES train (id),
    gate TEXT NOT NULL,
    service TEXT NOT NULL,
    verdict TEXT NOT NULL,
    sentence TEXT NOT NULL,
    resolve TEXT,
    since BIGINT NOT NULL,
    PRIMARY KEY (train_id, gate, service)
);

CREATE TABLE approval (
    id TEXT NOT NULL PRIMARY KEY,
    train_id TEXT NOT NULL REFERENCES train (id),
    manifest_sha256 TEXT NOT NULL,
    policy_revision BIGINT NOT NULL,
    person_id TEXT NOT NULL REFERENCES person (id),
    approved BIGINT NOT NULL,
    comment TEXT,
    at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    void_at BIGINT,
    void_why TEXT
);
CREATE UNIQUE INDEX approval_once ON approval (train_id, manifest_sha256, person_id) WHERE void_at IS NULL;

-- An image that failed or was rolled back in a slot does not board it again until a person allows it.
CREATE TABLE boarding_refusal (
    slot_id TEXT NOT NULL REFERENCES slot (id),
    digest TEXT NOT NULL,
    deployment_id TEXT NOT NULL,
    reason TEXT NOT NULL,
    refused_at BIGINT NOT NULL,
    allowed_by TEXT,
    allowed_at BIGINT,
    PRIMARY KEY (slot_id, digest, deployment_id)
);

-- Deployments ----------------------------------------------------------------------------------------------

CREATE TABLE deployment (
    id TEXT NOT NULL PRIMARY KEY,
    slot_id TEXT NOT NULL REFERENCES slot (id),
    kind TEXT NOT NULL,
    train_id TEXT,
    car_id TEXT,
    image_repository TEXT NOT NULL,
    digest TEXT NOT NULL,
    commit_id TEXT,
    from_digest TEXT,
    base_task_definition TEXT,
    content TEXT,
    content_sha256 TEXT,
    requested_by TEXT NOT NULL,
    requested_by_name TEXT NOT NULL,
    reason TEXT,
    requested_at BIGINT NOT NULL,
    state TEXT NOT NULL,
    phase TEXT NOT NULL,
    version BIGINT NOT NULL,
    facts TEXT NOT NULL,
    cancel_why TEXT,
    deadline_at BIGINT,
    wake_at BIGINT NOT NULL,
    read_at BIGINT,
    ended_at BIGINT,
    verdict TEXT,
    failure_class TEXT,
    failure_text TEXT,
    resolved_by TEXT,
    resolved_at BIGINT,
    lease_owner TEXT,
    lease_until BIGINT,
    fence BIGINT NOT NULL
);
-- One deployment holds a slot at a time; one that needs a human keeps it until resolved.
CREATE UNIQUE INDEX deployment_holds_slot ON deployment (slot_id)
    WHERE ended_at IS NULL OR (state = 'needs-human' AND resolved_at IS NULL);
CREATE INDEX deployment_slot ON deployment (slot_id, requested_at);
CREATE INDEX deployment_ended ON deployment (ended_at);

-- The journal: intent before a call, outcome after it.
CREATE TABLE deployment_step (
    deployment_id TEXT NOT NULL REFERENCES deployment (id),
    position BIGINT NOT NULL,
    step TEXT NOT NULL,
    title TEXT NOT NULL,
    detail TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at BIGINT,
    ok BIGINT,
    PRIMARY KEY (deployment_id, position)
);

CREATE TABLE deployment_event (
    deployment_id TEXT NOT NULL REFERENCES deployment (id),
    event_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (deployment_id, event_id)
);

CREATE TABLE deployment_task (
    deployment_id TEXT NOT NULL REFERENCES deployment (id),
    task_arn TEXT NOT NULL,
    status TEXT NOT NULL,
    stop_code TEXT,
    reason TEXT,
    exit_code BIGINT,
    container_reason TEXT,
    at BIGINT NOT NULL,
    PRIMARY KEY (deployment_id, task_arn)
);

-- What was deployed to a slot, verified there and not since marked bad; or the adopted baseline (verified = 0).
CREATE TABLE known_good (
    slot_id TEXT NOT NULL REFERENCES slot (id),
    digest TEXT NOT NULL,
    image_repository TEXT NOT NULL,
    task_definition TEXT NOT NULL,
    content TEXT NOT NULL,
    deployment_id TEXT,
    verified BIGINT NOT NULL,
    at BIGINT NOT NULL,
    bad_at BIGINT,
    bad_why TEXT,
    PRIMARY KEY (slot_id, digest)
);
