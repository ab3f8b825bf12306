"""What SAM makes of a template, and what has to be true of it.

The transform is AWS's own (aws-sam-translator). Values stay as CloudFormation's functions: two places mean
the same resource when they refer to it alike.
"""

import re
from pathlib import Path

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parents[3]

# CloudWatch metrics that AWS documents, as far as alarms may use them: the developer guides of API Gateway
# ("Monitoring WebSocket API execution with CloudWatch metrics", "Monitoring HTTP APIs"), Lambda ("Types of
# metrics for Lambda functions"), DynamoDB ("DynamoDB metrics and dimensions"), Amazon SQS ("Available
# CloudWatch metrics for Amazon SQS") and EventBridge ("Monitoring Amazon EventBridge").
DOCUMENTED = {
    "AWS/ApiGateway": {
        "ConnectCount", "MessageCount", "IntegrationError", "ClientError", "ExecutionError", "IntegrationLatency",
        "Count", "4xx", "5xx", "Latency", "DataProcessed",
    },
    "AWS/Lambda": {
        "Invocations", "Errors", "DeadLetterErrors", "DestinationDeliveryFailures", "Throttles", "Duration",
        "ConcurrentExecutions", "UnreservedConcurrentExecutions", "AsyncEventsReceived", "AsyncEventAge",
        "AsyncEventsDropped", "IteratorAge", "RecursiveInvocationsDropped", "ClaimedAccountConcurrency",
    },
    "AWS/DynamoDB": {
        "ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits", "ReadThrottleEvents", "WriteThrottleEvents",
        "ThrottledRequests", "SystemErrors", "UserErrors", "SuccessfulRequestLatency",
        "ConditionalCheckFailedRequests", "TimeToLiveDeletedItemCount",
    },
    "AWS/SQS": {
        "ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesDelayed",
        "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesVisible", "NumberOfEmptyReceives",
        "NumberOfMessagesDeleted", "NumberOfMessagesReceived", "NumberOfMessagesSent", "SentMessageSize",
    },
    "AWS/Events": {"Invocations", "FailedInvocations", "TriggeredRules", "ThrottledRules", "InvocationsSentToDlq"},
    "AWS/Logs": {"IncomingBytes", "IncomingLogEvents", "EMFParsingErrors", "EMFValidationErrors", "DeliveryErrors"},
}


class ManagedPolicies:
    """ARNs of managed policies by their names: the transform needs none of what is in them."""

    def load(self):
        names = ["AWSLambdaBasicExecutionRole", "AWSLambdaSQSQueueExecutionRole", "AWSLambdaDynamoDBExecutionRole"]
        return {name: f"arn:aws:iam::aws:policy/service-role/{name}" for name in names}


def read(path=ROOT / "infra/template.yaml"):
    """A template as it is once its code is packaged."""
    template = yaml_parse(path.read_text())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
    return template


def expand(template, parameters=None):
    """The template as CloudFormation gets it."""
    return transform(template, parameters or {}, ManagedPolicies())


def emitted():
    """The metrics that the functions' lines have: fields with a unit."""
    text = "".join(path.read_text() for path in (ROOT / "shared/src/telemetry").rglob("*.rs"))
    return set(re.findall(r'name = "(\w+)", unit = ', text))


def text(value):
    """A value as one text, references as `${Name}`."""
    match value:
        case {"Ref": name}:
            return "${%s}" % name
        case {"Fn::GetAtt": [name, attribute]}:
            return "${%s.%s}" % (name, attribute)
        case {"Fn::GetAtt": name}:
            return "${%s}" % name
        case {"Fn::Sub": [pattern, names]}:
            for name, inner in names.items():
                pattern = pattern.replace("${%s}" % name, text(inner))
            return pattern
        case {"Fn::Sub": pattern}:
            return pattern
        case {"Fn::Join": [separator, parts]}:
            return separator.join(text(part) for part in parts)
        case {"Fn::If": [_, yes, _]}:
            return text(yes)
        case _:
            return str(value)


def of_type(resources, kind):
    return {name: body for name, body in resources.items() if body["Type"] == kind}


def function_in(uri):
    """The function's logical id in an ARN or in the URI of an integration."""
    found = re.search(r"\$\{(\w+)(\.Arn|\.Alias)?\}(/invocations)?$", uri)
    return found and found.group(1)


def faults(expanded):
    """What is wrong, a sentence each."""
    resources = expanded["Resources"]
    return [*routes(resources), *bodies(resources), *permissions(resources), *log_groups(resources), *alarms(resources)]


def sources_of(resources, function):
    """The source ARNs from which API Gateway may invoke a function."""
    for body in of_type(resources, "AWS::Lambda::Permission").values():
        properties = body["Properties"]
        named = text(properties["FunctionName"])
        if properties["Principal"] == "apigateway.amazonaws.com" and named in (f"${{{function}}}", f"${{{function}.Arn}}"):
            yield text(properties.get("SourceArn", ""))


def routes(resources):
    """Every route has an integration with a function that this route, and no other, may invoke."""
    for name, body in of_type(resources, "AWS::ApiGatewayV2::Route").items():
        properties = body["Properties"]
        target = re.fullmatch(r"integrations/\$\{(\w+)\}", text(properties.get("Target", "")))
        integration = resources.get(target.group(1)) if target else None
        if integration is None:
            yield f"{name} has no integration"
            continue
        properties_of = integration["Properties"]
        if properties_of["IntegrationType"] != "AWS_PROXY":
            continue
        function = function_in(text(properties_of["IntegrationUri"]))
        if function not in resources:
            yield f"{name}: its integration calls no function of the template"
            continue
        route, sources = properties["RouteKey"], list(sources_of(resources, function))
        api = text(properties["ApiId"])
        # A route of an HTTP API is `POST /path`, with its parameters as they are written.
        place = f"{api}/*/{route.replace(' ', '', 1)}" if " " in route else f"{api}/${{StageName}}/{route}"
        if not any(source.endswith(f":{place}") for source in sources):
            yield f"{name}: {function} has no permission for {route}"
    for name, body in of_type(resources, "AWS::ApiGatewayV2::Authorizer").items():
        properties = body["Properties"]
        function = function_in(text(properties.get("AuthorizerUri", "")))
        if function and not any(source.endswith(f"/authorizers/${{{name}}}") for source in sources_of(resources, function)):
            yield f"{name}: {function} has no permission for it"


def bodies(resources):
    """The same of the routes that SAM writes into an HTTP API's body."""
    for name, body in of_type(resources, "AWS::ApiGatewayV2::Api").items():
        for path, methods in body["Properties"].get("Body", {}).get("paths", {}).items():
            for method, operation in methods.items():
                uri = text(operation.get("x-amazon-apigateway-integration", {}).get("uri", ""))
                function = function_in(uri)
                if function not in resources:
                    yield f"{name}: {method} {path} has no integration"
                elif not any(source.endswith(path) for source in sources_of(resources, function)):
                    yield f"{name}: {function} has no permission for {method} {path}"


def permissions(resources):
    """Every permission has a source of its own, which is no pattern but for a stage."""
    seen = {}
    for name, body in of_type(resources, "AWS::Lambda::Permission").items():
        source = text(body["Properties"].get("SourceArn", ""))
        if not source:
            yield f"{name} has no source"
        if source in seen:
            yield f"{name} has the source of {seen[source]}"
        if re.search(r"\*(?!/)|/\*/\*|:\*", source):
            yield f"{name} has the wide source {source}"
        seen[source] = name


def log_groups(resources):
    """Every function writes to a group of its own that the template declares and that forgets."""
    seen = {}
    for name, body in of_type(resources, "AWS::Lambda::Function").items():
        group = body["Properties"].get("LoggingConfig", {}).get("LogGroup")
        declared = resources.get(group["Ref"]) if isinstance(group, dict) and "Ref" in group else None
        if declared is None or declared["Type"] != "AWS::Logs::LogGroup":
            yield f"{name} has no log group"
            continue
        if "RetentionInDays" not in declared["Properties"]:
            yield f"{name}: its log group keeps for ever"
        if body.get("Condition") != declared.get("Condition"):
            yield f"{name}: its log group is not there whenever it is"
        if group["Ref"] in seen:
            yield f"{name} has the log group of {seen[group['Ref']]}"
        seen[group["Ref"]] = name


def metrics_of(resources):
    """Namespace and name of every metric that an alarm is about, with the alarm."""
    for name, body in of_type(resources, "AWS::CloudWatch::Alarm").items():
        properties = body["Properties"]
        if "MetricName" in properties:
            yield name, text(properties["Namespace"]), text(properties["MetricName"])
        for query in properties.get("Metrics", []):
            metric = query.get("MetricStat", {}).get("Metric")
            if metric:
                yield name, text(metric["Namespace"]), text(metric["MetricName"])


def alarms(resources):
    """Every alarm is about a metric that somebody emits."""
    filters = {
        (text(one["MetricNamespace"]), text(one["MetricName"]))
        for body in of_type(resources, "AWS::Logs::MetricFilter").values()
        for one in body["Properties"]["MetricTransformations"]
    }
    for name, namespace, metric in metrics_of(resources):
        known = emitted() if namespace == "${MetricsNamespace}" else DOCUMENTED.get(namespace, set())
        if metric not in known and (namespace, metric) not in filters:
            yield f"{name}: nobody emits {namespace} {metric}"
