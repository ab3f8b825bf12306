//! Queues, and what feeds functions from them.

use std::time::Duration;

use super::{errors, load};
use crate::app::{EventSource, Queue, Redrive};

const APP: &str = "
Transform: AWS::Serverless-2016-10-31
Resources:
  Jobs:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 90
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 3}
  Dead: {Type: AWS::SQS::Queue, Properties: {QueueName: dead, MessageRetentionPeriod: 1209600}}
  Ordered: {Type: AWS::SQS::Queue, Properties: {FifoQueue: true, ContentBasedDeduplication: true}}
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      InlineCode: ''
      Runtime: nodejs22.x
      Timeout: 60
      Events:
        Jobs:
          Type: SQS
          Properties:
            Queue: !GetAtt Jobs.Arn
            BatchSize: 100
            MaximumBatchingWindowInSeconds: 2
            FunctionResponseTypes: [ReportBatchItemFailures]
            ScalingConfig: {MaximumConcurrency: 5}
  Quick: {Type: AWS::Serverless::Function, Properties: {InlineCode: '', Runtime: nodejs22.x}}
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {EventSourceArn: !GetAtt Ordered.Arn, FunctionName: !GetAtt Quick.Arn, Enabled: false}
  Stream:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {EventSourceArn: 'arn:aws:kinesis:us-east-1:1:stream/s', FunctionName: !Ref Quick}
  Filtered:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      EventSourceArn: !GetAtt Dead.Arn
      FunctionName: !Ref Quick
      FilterCriteria: {Filters: [{Pattern: '{}'}]}
";

#[test]
fn queues_have_their_attributes_or_the_services_defaults() {
    let app = load(APP);
    let jobs = Queue {
        logical_id: "Jobs".to_owned(),
        name: "switchboard-Jobs".to_owned(),
        fifo: false,
        content_based_deduplication: false,
        delay_seconds: 0,
        maximum_message_size: 1_048_576,
        message_retention_period: 345_600,
        receive_wait_seconds: 0,
        visibility_timeout: 90,
        redrive: Some(Redrive { queue: "dead".to_owned(), max_receive_count: 3 }),
    };
    assert_eq!(app.queues[0], jobs);
    let ordered = &app.queues[2];
    assert_eq!(
        (ordered.name.as_str(), ordered.fifo, ordered.content_based_deduplication),
        ("switchboard-Ordered.fifo", true, true)
    );
}

#[test]
fn functions_are_fed_by_events_and_by_mappings() {
    let app = load(APP);
    let worker = EventSource {
        logical_id: "WorkerJobs".to_owned(),
        function: "Worker".to_owned(),
        queue: "switchboard-Jobs".to_owned(),
        batch_size: 100,
        batching_window: Duration::from_secs(2),
        reports_failures: true,
        maximum_concurrency: Some(5),
        enabled: true,
    };
    let mapping = EventSource {
        logical_id: "Mapping".to_owned(),
        function: "Quick".to_owned(),
        queue: "switchboard-Ordered.fifo".to_owned(),
        batch_size: 10,
        batching_window: Duration::ZERO,
        reports_failures: false,
        maximum_concurrency: None,
        enabled: false,
    };
    assert_eq!(app.event_sources, [worker, mapping]);
    let ignored: Vec<_> = app.ignored.iter().map(|ignored| ignored.logical_id.as_str()).collect();
    assert_eq!(ignored, ["Stream", "Filtered"], "what is not fed here is told");
}

#[test]
fn what_aws_refuses_is_an_error_with_its_place() {
    let text = APP
        .replace("VisibilityTimeout: 90", "VisibilityTimeout: 20")
        .replace("MaximumBatchingWindowInSeconds: 2", "Enabled: true")
        .replace("QueueName: dead", "QueueName: dead.fifo")
        .replace("maxReceiveCount: 3", "maxReceiveCount: 0");
    insta::assert_snapshot!(errors(&text), @r"
    template.yaml:8:79: `Jobs` (AWS::SQS::Queue): `maxReceiveCount` must be a whole number from 1 to 1000, not `0`
    template.yaml:9:3: `Dead` (AWS::SQS::Queue): `dead.fifo` ends with .fifo, which only a queue with `FifoQueue: true` may
    template.yaml:18:9: `WorkerJobs` (AWS::Lambda::EventSourceMapping): a `BatchSize` above 10 needs a `MaximumBatchingWindowInSeconds` of at least 1
    template.yaml:18:9: `WorkerJobs` (AWS::Lambda::EventSourceMapping): the queue's `VisibilityTimeout` (20 s) is below the function's `Timeout` (60 s): a message would be received again while the function works on it
    ");
    let text = APP
        .replace("FifoQueue: true", "QueueName: q, FifoQueue: true")
        .replace("!GetAtt Dead.Arn, max", "'arn:aws:sqs:r:1:other', max");
    insta::assert_snapshot!(errors(&text), @r"
    template.yaml:8:22: `Jobs` (AWS::SQS::Queue): the dead-letter queue `other` is not part of this template
    template.yaml:10:3: `Ordered` (AWS::SQS::Queue): a FIFO queue's `QueueName` ends with .fifo, and `q` does not
    ");
}
