#!/usr/bin/env python3
"""Holds the simulated AWS against botocore's service models.

Sends every operation that a running simulator offers (JSON and query protocols) through boto3, with good
input and with bad, and complains about each raw answer that AWS's own model does not allow. The simulator is
started elsewhere; with a driven clock the check takes seconds:

    cargo run -p sim -- serve --driven --data "$(mktemp -d)" --addr-aws 127.0.0.1:4570
    end2end/botocore/check_sim.py --endpoint http://127.0.0.1:4570

CloudWatch is not asked here: it speaks CBOR, which the tests check through the Rust SDK.
"""

import argparse
import json
import sys
import time
import urllib.error
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from strict import complaints_about


class Checker:
    """boto3 clients whose raw answers are checked on the way."""

    def __init__(self, endpoint, region):
        self.endpoint = endpoint.rstrip("/")
        self.region = region
        self.answered = {}
        self.errors = set()
        self.complaints = []

    def client(self, service):
        client = boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=self.region,
            aws_access_key_id="AKIACHECKSIM",
            aws_secret_access_key="not-a-secret",
            config=Config(retries={"max_attempts": 0}, read_timeout=20),
        )
        protocol = client.meta.service_model.metadata["protocol"]

        def check(operation_model, response_dict, **_):
            status = response_dict["status_code"]
            name = operation_model.name
            if status < 400:
                self.answered.setdefault(service, set()).add(name)
            else:
                self.errors.add(name)
            for complaint in complaints_about(operation_model, status, response_dict["body"], protocol):
                self.complaints.append(f"{service} {name} ({status}): {complaint}")

        client.meta.events.register(f"before-parse.{client.meta.service_model.service_id.hyphenize()}", check)
        return client

    def control(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.endpoint}/_sim/{path}", data=data, headers={"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=20) as response:
            return json.load(response)

    def refused(self, call, **arguments):
        """A call that must be answered with an error."""
        try:
            call(**arguments)
        except ClientError as error:
            return error.response["Error"]["Code"]
        self.complaints.append(f"{call.__name__} was not refused for {arguments}")
        return None

    def wait_until(self, what, done):
        """Lets simulated time pass until `done`: pushes the clock if it can be, else waits."""
        for _ in range(120):
            if done():
                return
            try:
                self.control("advance", {"millis": 10_000})
            except urllib.error.HTTPError:
                time.sleep(1)
        self.complaints.append(f"never happened: {what}")


def check_deployments(checker, ecs):
    """Clusters, services, tasks, and a deployment each that succeeds, fails and is stopped."""
    clusters = ecs.list_clusters()["clusterArns"]
    ecs.describe_clusters(clusters=clusters + ["gone"], include=["TAGS", "SETTINGS"])
    cluster = clusters[0]
    arns = ecs.list_services(cluster=cluster, maxResults=100)["serviceArns"]
    found = ecs.describe_services(cluster=cluster, services=arns[:9] + ["gone"], include=["TAGS"])
    service = found["services"][0]
    of_service = {"cluster": cluster, "service": service["serviceName"]}
    definition = ecs.describe_task_definition(taskDefinition=service["taskDefinition"], include=["TAGS"])

    def register(image=None):
        copied = {
            key: value
            for key, value in definition["taskDefinition"].items()
            if key in ecs.meta.service_model.operation_model("RegisterTaskDefinition").input_shape.members
        }
        if image:
            copied["containerDefinitions"] = [dict(c, image=image) for c in copied["containerDefinitions"]]
        made = ecs.register_task_definition(**copied, tags=[{"key": "by", "value": "check"}])
        return made["taskDefinition"]["taskDefinitionArn"]

    def newest():
        brief = ecs.list_service_deployments(**of_service, maxResults=1)["serviceDeployments"][0]
        arns = [brief["serviceDeploymentArn"], brief["serviceDeploymentArn"] + "gone"]
        return ecs.describe_service_deployments(serviceDeploymentArns=arns)["serviceDeployments"][0]

    def look():
        ecs.describe_services(cluster=cluster, services=[service["serviceName"]])
        for status in ("RUNNING", "STOPPED"):
            tasks = ecs.list_tasks(cluster=cluster, serviceName=service["serviceName"], desiredStatus=status)
            if tasks["taskArns"]:
                ecs.describe_tasks(cluster=cluster, tasks=tasks["taskArns"][:99] + ["gone"])
        deployment = newest()
        revisions = [deployment["targetServiceRevision"]["arn"]]
        revisions += [revision["arn"] for revision in deployment["sourceServiceRevisions"]]
        ecs.describe_service_revisions(serviceRevisionArns=revisions + [revisions[0] + "0"])
        return deployment["status"]

    good, lost = register(), register("nowhere.example/nothing:1")
    ecs.update_service(**of_service, taskDefinition=good)
    checker.wait_until("a good deployment is SUCCESSFUL", lambda: look() == "SUCCESSFUL")

    ecs.update_service(**of_service, taskDefinition=lost)
    arn = newest()["serviceDeploymentArn"]
    ecs.stop_service_deployment(serviceDeploymentArn=arn, stopType="ROLLBACK")
    checker.wait_until("a stopped deployment is ROLLBACK_SUCCESSFUL", lambda: look() == "ROLLBACK_SUCCESSFUL")
    checker.refused(ecs.stop_service_deployment, serviceDeploymentArn=arn)
    checker.refused(ecs.stop_service_deployment, serviceDeploymentArn=arn + "gone")

    account = arn.split(":")[4]
    broken = {"account": account, "region": checker.region, "repository": "check-sim"}
    failures = ["cannot-pull", {"exits": {"code": 1}}, "health-check", "out-of-memory", "secret-missing"]
    for number, failure in enumerate(failures):
        digest = checker.control("push-image", broken | {"tags": [f"broken-{number}"]})["digest"]
        checker.control("script-image", {"digest": digest, "failure": failure})
        image = f"{account}.dkr.ecr.{checker.region}.amazonaws.com/check-sim@{digest}"
        ecs.update_service(**of_service, taskDefinition=register(image))
        ended = ("ROLLBACK_SUCCESSFUL", "STOPPED")
        checker.wait_until(f"a release that fails with {failure} ends", lambda: look() in ended)

    # These never end by themselves: ECS keeps trying until somebody stops it.
    for number, failure in enumerate(("no-capacity", "stuck")):
        digest = checker.control("push-image", broken | {"tags": [f"endless-{number}"]})["digest"]
        checker.control("script-image", {"digest": digest, "failure": failure})
        image = f"{account}.dkr.ecr.{checker.region}.amazonaws.com/check-sim@{digest}"
        ecs.update_service(**of_service, taskDefinition=register(image))
        checker.wait_until(f"a release with {failure} is IN_PROGRESS", lambda: look() == "IN_PROGRESS")
        # Long enough for what it says about tasks that it cannot place or that stay pending.
        rounds = iter(range(20))
        checker.wait_until(f"a release with {failure} stays", lambda: look() != "IN_PROGRESS" or next(rounds, None) is None)
        if look() != "IN_PROGRESS":
            checker.complaints.append(f"a release with {failure} ended by itself: {look()}")
        ecs.stop_service_deployment(serviceDeploymentArn=newest()["serviceDeploymentArn"], stopType="ROLLBACK")
        checker.wait_until(f"a release with {failure} is stopped", lambda: look() == "ROLLBACK_SUCCESSFUL")

    ecs.update_service(**of_service, forceNewDeployment=True, desiredCount=service["desiredCount"])
    ecs.tag_resource(resourceArn=service["serviceArn"], tags=[{"key": "check", "value": "sim"}])
    ecs.list_tags_for_resource(resourceArn=service["serviceArn"])
    ecs.untag_resource(resourceArn=service["serviceArn"], tagKeys=["check"])
    ecs.list_task_definitions(familyPrefix=definition["taskDefinition"]["family"], sort="DESC")
    ecs.deregister_task_definition(taskDefinition=lost)
    checker.refused(ecs.update_service, **of_service, taskDefinition=lost)
    checker.refused(ecs.update_service, cluster=cluster, service="gone")
    checker.refused(ecs.update_service, cluster="gone", service="gone")
    checker.refused(ecs.describe_task_definition, taskDefinition="gone:1")
    checker.refused(ecs.register_task_definition, family="a b", containerDefinitions=[])
    checker.refused(ecs.deregister_task_definition, taskDefinition="gone:1")
    checker.refused(ecs.describe_services, cluster=cluster, services=["x"] * 11)
    checker.refused(ecs.list_services, cluster="gone")
    checker.refused(ecs.list_tasks, cluster=cluster, serviceName="gone")
    checker.refused(ecs.describe_tasks, cluster=cluster, tasks=["x"] * 101)
    checker.refused(ecs.list_service_deployments, cluster=cluster, service="gone")
    checker.refused(ecs.describe_service_deployments, serviceDeploymentArns=["x"] * 21)
    checker.refused(ecs.describe_service_revisions, serviceRevisionArns=["x"] * 21)
    checker.refused(ecs.tag_resource, resourceArn="arn:aws:ecs:x", tags=[])
    checker.refused(ecs.list_clusters, nextToken="nonsense")
    checker.refused(ecs.delete_cluster, cluster="gone")
    for fault in ("throttle", "access-denied", "expired-token", "internal"):
        checker.control("fault", {"operation": "ListClusters", "fault": fault})
        checker.refused(ecs.list_clusters)


def check_images(checker, ecr):
    """Repositories, images in every state, scans."""
    repositories = ecr.describe_repositories()["repositories"]
    ecr.describe_repositories(repositoryNames=[repositories[0]["repositoryName"]])
    account = repositories[0]["registryId"]
    place = {"account": account, "region": checker.region, "repository": "check-sim"}
    scanned = checker.control("push-image", place | {"tags": ["scanned"], "findings": {"HIGH": 2, "LOW": 1}})
    archived = checker.control("push-image", place | {"revision_label": "c0ffee", "archived": True})
    name = {"repositoryName": "check-sim"}
    page = ecr.describe_images(**name, maxResults=1)
    ecr.describe_images(**name, maxResults=1, nextToken=page["nextToken"])
    shown = [image["imageDigest"] for image in ecr.describe_images(**name)["imageDetails"]]
    if archived["digest"] in shown:
        checker.complaints.append("DescribeImages shows archived images unasked")
    images = [{"imageTag": "scanned"}, {"imageDigest": archived["digest"]}, {"imageTag": "gone"}]
    ecr.describe_images(**name, imageIds=images[:2])
    ecr.list_images(**name, filter={"tagStatus": "TAGGED"})
    got = ecr.batch_get_image(**name, imageIds=images)["images"]
    config = json.loads(got[0]["imageManifest"])["config"]["digest"]
    url = ecr.get_download_url_for_layer(**name, layerDigest=config)["downloadUrl"]
    with urllib.request.urlopen(url, timeout=20) as response:
        json.load(response)
    ecr.describe_image_scan_findings(**name, imageId={"imageDigest": scanned["digest"]})
    checker.refused(ecr.describe_image_scan_findings, **name, imageId=images[1])
    checker.refused(ecr.describe_images, **name, imageIds=images[2:])
    checker.refused(ecr.describe_images, repositoryName="gone")
    checker.refused(ecr.describe_repositories, repositoryNames=["gone"])
    checker.refused(ecr.list_images, **name, nextToken="nonsense")
    checker.refused(ecr.get_download_url_for_layer, **name, layerDigest="sha256:" + "0" * 64)


def check_identity(checker, sts, role, external_id):
    sts.get_caller_identity()
    asked = {"RoleArn": role, "RoleSessionName": "check-sim"}
    sts.assume_role(**asked, ExternalId=external_id)
    checker.refused(sts.assume_role, **asked, ExternalId="wrong")
    checker.refused(sts.assume_role, **asked | {"RoleArn": role + "-gone"})
    checker.refused(sts.assume_role, **asked, ExternalId=external_id, DurationSeconds=100_000)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--endpoint", required=True, help="address of the running simulator")
    parser.add_argument("--region", default="eu-west-1")
    role = "arn:aws:iam::111122223333:role/yardmaster-deploy"
    parser.add_argument("--role-arn", default=role, help="a role to assume")
    parser.add_argument("--external-id", default="acme-yardmaster", help="what that role demands")
    asked = parser.parse_args()
    checker = Checker(asked.endpoint, asked.region)
    check_identity(checker, checker.client("sts"), asked.role_arn, asked.external_id)
    check_deployments(checker, checker.client("ecs"))
    check_images(checker, checker.client("ecr"))
    offered = checker.control("operations")
    offered.pop("cloudwatch", None)
    count = 0
    for service, operations in offered.items():
        for operation in operations:
            count += 1
            if operation not in checker.answered.get(service, set()):
                checker.complaints.append(f"{service} {operation} is offered but was not checked")
    for complaint in sorted(set(checker.complaints)):
        print(complaint)
    print(f"{count} operations, {len(checker.errors)} of them with errors: {len(set(checker.complaints))} complaints")
    return 1 if checker.complaints else 0


if __name__ == "__main__":
    sys.exit(main())
