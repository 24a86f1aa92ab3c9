using AiChat.Data.Chats;
using AiChat.Data.Runs;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Runs;
using Microsoft.AspNetCore.Mvc;

namespace AiChat.Endpoints.Chat;

/// <summary>Starts, follows and stops answers. HTTP only; <see cref="RunRegistry"/> does the work.</summary>
internal static class ChatEndpoints
{
    public static void MapChat(this RouteGroupBuilder api)
    {
        var chat = api.MapGroup("/chat").Allow(Access.Any);
        chat.MapPost("/stream", Send).WithMetadata(new RequestSizeLimitAttribute(WebServer.MessageBody));
        chat.MapPost("/completion", Complete).WithMetadata(new RequestSizeLimitAttribute(WebServer.MessageBody));
        chat.MapPost("/regenerate", Regenerate);
        chat.MapPost("/continue", Continue);
        chat.MapGet("/stream/{messageId:long}", Attach);
        chat.MapPost("/stop", Stop);
        chat.MapGet("/runs", Running);
    }

    private static async Task<IResult> Send(ChatStreamRequest body, CurrentUser me, RunLauncher launcher, RunReplay replay) =>
        await replay.Follow(me, await launcher.Send(me, body));

    private static async Task<IResult> Complete(
        ChatStreamRequest body, CurrentUser me, RunLauncher launcher, RunReplay replay, CancellationToken cancel) =>
        await replay.Finished(me, await launcher.Send(me, body), cancel);

    private static async Task<IResult> Regenerate(ChatAgainRequest body, CurrentUser me, RunLauncher launcher, RunReplay replay) =>
        await replay.Follow(me, await launcher.Again(me, body, NewRun.Regenerate));

    private static async Task<IResult> Continue(ChatAgainRequest body, CurrentUser me, RunLauncher launcher, RunReplay replay) =>
        await replay.Follow(me, await launcher.Again(me, body, NewRun.Continue));

    private static Task<IResult> Attach(
        long messageId, [FromQuery] long? after, [FromHeader(Name = "Last-Event-ID")] long? lastEventId, [FromQuery] bool? follow,
        CurrentUser me, RunReplay replay) =>
        replay.Attach(me, messageId, lastEventId ?? after ?? 0, follow ?? true);

    private static async Task<IResult> Stop(ChatStopRequest body, CurrentUser me, RunRegistry registry, Messages messages) =>
        await registry.Stop(me.Id, body.MessageId) || await messages.Find(me.Id, body.MessageId) is { Role: "assistant" }
            ? TypedResults.NoContent() : Problems.NotFound();

    private static async Task<List<RunResponse>> Running(CurrentUser me, RunRegistry registry) =>
        [.. (await registry.Running(me.Id)).Select(run => new RunResponse(run.SessionId, run.MessageId, run.StartedAt))];
}
