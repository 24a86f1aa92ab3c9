using System.Globalization;
using AiChat.Data.Nodes;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Nodes;

namespace AiChat.Endpoints.Runs;

/// <summary>
/// What other processes on the same database ask of this one: whether it is the one they think, to take over what they have changed, and
/// the events of answers that it writes. Their signature is all that counts here, so these paths come before what browsers are judged by.
/// Nothing else is known below them.
/// </summary>
internal static class NodeRequests
{
    /// <summary>The path of an answer's events after a position.</summary>
    public static string PathOf(long userId, long messageId, long after) =>
        string.Create(CultureInfo.InvariantCulture, $"/answers/{userId}/{messageId}?after={after}");

    /// <summary>Comes before everything that judges browsers; not where this process is alone.</summary>
    public static void UseNodeRequests(this WebApplication app)
    {
        var services = app.Services;
        if (services.GetRequiredService<NodeStore>().IsAlone)
        {
            return;
        }

        var (nodes, signer) = (services.GetRequiredService<NodeStore>(), services.GetRequiredService<NodeSigner>());
        var (registry, streamer) = (services.GetRequiredService<RunRegistry>(), services.GetRequiredService<RunStreamer>());
        var changes = services.GetRequiredService<NodeChanges>();
        app.Use((context, next) => context.Request.Path.StartsWithSegments(NodeCalls.Root, StringComparison.Ordinal, out var rest)
            ? Answer(context, rest.Value ?? "") : next(context));

        Task Answer(HttpContext context, string path)
        {
            var (user, message) = path.Split('/') is ["", "answers", var first, var second]
                && long.TryParse(first, NumberStyles.None, CultureInfo.InvariantCulture, out var userId)
                && long.TryParse(second, NumberStyles.None, CultureInfo.InvariantCulture, out var messageId) ? (userId, messageId) : (0, 0);
            var header = context.Request.Headers[NodeSigner.Header].ToString();
            if (!signer.Takes(header, context.Request.Method, context.Request.Path + context.Request.QueryString, user))
            {
                return Problems.NotFound().ExecuteAsync(context);
            }

            if (path == "/boot")
            {
                var boot = nodes.BootId;
                return context.Response.WriteAsync($"{boot} {signer.Answer(header, boot)}", context.RequestAborted);
            }

            if (path == NodeCalls.ChangesPath)
            {
                return CatchUp(context);
            }

            return registry.Find(user, message) is { } run
                && long.TryParse(context.Request.Query["after"], NumberStyles.None, CultureInfo.InvariantCulture, out var after)
                ? streamer.Relay(context, run.Log, after) : Problems.NotFound().ExecuteAsync(context);
        }

        async Task CatchUp(HttpContext context)
        {
            try
            {
                await changes.CatchUp(context.RequestAborted);
            }
            catch (OperationCanceledException)
            {
                context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            }
        }
    }
}
