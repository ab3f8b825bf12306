// The same function as ../src/bin/poster.rs for serverless-offline.

import { ApiGatewayManagementApiClient, PostToConnectionCommand } from '@aws-sdk/client-apigatewaymanagementapi';

const connections = new ApiGatewayManagementApiClient({
  region: 'us-east-1',
  endpoint: process.env.BENCH_MANAGEMENT,
  credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
});

export async function handler(event) {
  const { routeKey, connectionId } = event.requestContext;
  if (routeKey !== 'post') return { statusCode: 200, body: event.body };
  await connections.send(new PostToConnectionCommand({ ConnectionId: connectionId, Data: event.body }));
  return { statusCode: 200 };
}
