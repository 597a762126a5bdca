"""The AWS side of the check against real endpoints: seeds an emulator and reads back what runs there.

`world.py seed ENDPOINT COMMIT` prints facts as JSON; `world.py verify ENDPOINT DIGEST` fails unless the service runs it.
"""

import json
import sys

import boto3

ACCOUNT = "000000000000"
REGION = "us-east-1"
REPOSITORY = "shop/storefront"
REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{REPOSITORY}"


def clients(endpoint):
    options = dict(
        endpoint_url=endpoint, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test"
    )
    return boto3.client("ecs", **options), boto3.client("ecr", **options)


def push(ecr, commit, tags):
    """An image whose manifest names the commit it was made from."""
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "sha256:" + "0" * 64, "size": 2},
        "layers": [],
        "annotations": {"org.opencontainers.image.revision": commit},
    }
    text = json.dumps(manifest)
    for tag in tags:
        answer = ecr.put_image(
            repositoryName=REPOSITORY,
            imageManifest=text,
            imageManifestMediaType=manifest["mediaType"],
            imageTag=tag,
        )
    return answer["image"]["imageId"]["imageDigest"]


def seed(endpoint, old, new):
    ecs, ecr = clients(endpoint)
    ecr.create_repository(repositoryName=REPOSITORY)
    running = push(ecr, old, [old])
    wanted = push(ecr, new, [f"main-{new[:7]}-20261101-120000", new])
    ecs.create_cluster(clusterName="production")
    family = ecs.register_task_definition(
        family="storefront",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        containerDefinitions=[
            {
                "name": "web",
                "image": f"{REGISTRY}@{running}",
                "essential": True,
                "portMappings": [{"containerPort": 8080, "protocol": "tcp"}],
                "environment": [{"name": "GREETING", "value": "hello"}],
            }
        ],
    )["taskDefinition"]
    service = ecs.create_service(
        cluster="production",
        serviceName="storefront",
        taskDefinition=family["taskDefinitionArn"],
        desiredCount=1,
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {"subnets": ["subnet-1"], "assignPublicIp": "ENABLED"}},
        tags=[{"key": "yardmaster:service", "value": "storefront"}],
    )["service"]
    return {
        "registry": REGISTRY,
        "running": running,
        "wanted": wanted,
        "service": service["serviceArn"],
        "taskDefinition": family["taskDefinitionArn"],
    }


def verify(endpoint, digest):
    ecs, _ = clients(endpoint)
    service = ecs.describe_services(cluster="production", services=["storefront"])["services"][0]
    definition = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
    container = definition["containerDefinitions"][0]
    image = container["image"]
    assert image == f"{REGISTRY}@{digest}", f"the service runs {image}, approved was {digest}"
    assert container["environment"] == [{"name": "GREETING", "value": "hello"}], "the environment was lost"
    assert service["desiredCount"] == 1, "the desired count was changed"
    print(f"   the emulator's service runs {definition['taskDefinitionArn']} with {image}")


if __name__ == "__main__":
    verb, endpoint, *rest = sys.argv[1:]
    if verb == "seed":
        print(json.dumps(seed(endpoint, *rest)))
    else:
        verify(endpoint, *rest)
