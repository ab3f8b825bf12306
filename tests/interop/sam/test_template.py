"""infra/template.yaml as SAM expands it: nothing is wrong with it, and what would be wrong is found."""

import copy
import logging
import unittest

import expand

# The transform counts what it does, and complains when nobody publishes that.
logging.getLogger("samtranslator.metrics.metrics").setLevel(logging.ERROR)
EXPANDED = expand.expand(expand.read())


def changed(change):
    """What is wrong after a change of the expanded template's resources."""
    expanded = copy.deepcopy(EXPANDED)
    change(expanded["Resources"])
    return expand.faults(expanded)


class Template(unittest.TestCase):
    def test_nothing_is_wrong_with_it(self):
        self.assertEqual(expand.faults(EXPANDED), [])
        resources = EXPANDED["Resources"]
        self.assertGreaterEqual(len(expand.of_type(resources, "AWS::ApiGatewayV2::Route")), 3)
        self.assertGreaterEqual(len(expand.of_type(resources, "AWS::Lambda::Function")), 4)
        self.assertIn("DeliveryLatency", expand.emitted())

    def test_a_route_needs_its_integration_and_its_permission(self):
        self.assertEqual(
            changed(lambda resources: resources.pop("ConnectIntegration")), ["ConnectRoute has no integration"]
        )
        self.assertEqual(
            changed(lambda resources: resources.pop("DefaultPermission")),
            ["DefaultRoute: DefaultFunction has no permission for $default"],
        )
        self.assertEqual(
            changed(lambda resources: resources.pop("AuthorizerPermission")),
            ["Authorizer: AuthorizerFunction has no permission for it"],
        )

    def test_a_permission_has_a_source_of_its_own(self):
        def shared(resources):
            properties = resources["DefaultPermission"]["Properties"]
            properties["SourceArn"] = resources["ConnectPermission"]["Properties"]["SourceArn"]

        self.assertEqual(
            changed(shared),
            [
                "DefaultRoute: DefaultFunction has no permission for $default",
                "DefaultPermission has the source of ConnectPermission",
            ],
        )

        def wide(resources):
            source = resources["DefaultPermission"]["Properties"]["SourceArn"]
            resources["More"] = {
                "Type": "AWS::Lambda::Permission",
                "Properties": {
                    **resources["DefaultPermission"]["Properties"],
                    "SourceArn": {"Fn::Sub": source["Fn::Sub"].replace("$default", "*")},
                },
            }

        [fault] = changed(wide)
        self.assertTrue(fault.startswith("More has the wide source "), fault)

    def test_a_function_has_a_log_group_of_its_own(self):
        def check(change, expected):
            self.assertEqual(changed(change), expected)

        check(lambda resources: resources.pop("ConnectLog"), ["ConnectFunction has no log group"])
        check(
            lambda resources: resources["ConnectLog"]["Properties"].pop("RetentionInDays"),
            ["ConnectFunction: its log group keeps for ever"],
        )
        check(
            lambda resources: resources["ConnectFunction"]["Properties"]["LoggingConfig"].update(
                LogGroup={"Ref": "DefaultLog"}
            ),
            ["DefaultFunction has the log group of ConnectFunction"],
        )

    def test_an_alarm_is_about_a_metric_that_somebody_emits(self):
        def alarm(namespace, metric):
            properties = {"Namespace": namespace, "MetricName": metric}
            return changed(
                lambda resources: resources.update(
                    Alarm={"Type": "AWS::CloudWatch::Alarm", "Properties": properties}
                )
            )

        self.assertEqual(alarm("AWS/Lambda", "Errors"), [])
        self.assertEqual(alarm({"Ref": "MetricsNamespace"}, "DeliveryLatency"), [])
        self.assertEqual(alarm("AWS/Lambda", "Error"), ["Alarm: nobody emits AWS/Lambda Error"])
        self.assertEqual(
            alarm({"Ref": "MetricsNamespace"}, "Errors"), ["Alarm: nobody emits ${MetricsNamespace} Errors"]
        )


if __name__ == "__main__":
    unittest.main()
