using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using AiChat.Data;
using Microsoft.AspNetCore.Connections;

namespace AiChat.Endpoints.Http;

/// <summary>
/// Answers in place of the real server while that cannot start yet: the process is alive, is not ready, and says which step it is at.
/// Needs no store. The real server takes over its sockets.
/// </summary>
internal sealed class StartingServer : IAsyncDisposable
{
    /// <summary>Answers take no longer; whoever is slower is cut off.</summary>
    private static readonly TimeSpan MaxEnd = TimeSpan.FromMilliseconds(500);

    private readonly WebApplication _app;
    private readonly ListenSockets _sockets;

    private StartingServer(WebApplication app, ListenSockets sockets)
    {
        _app = app;
        _sockets = sockets;
    }

    /// <param name="step">What the start is at now; asked for each answer.</param>
    /// <returns>Null when another process listens there: the one that is to be followed, unless each has a network of its own.</returns>
    public static async Task<StartingServer?> TryStart(ServerOptions options, ListenSockets sockets, Func<StartStep> step)
    {
        var builder = WebApplication.CreateSlimBuilder(
            new WebApplicationOptions { Args = ["--hostBuilder:reloadConfigOnChange=false"], EnvironmentName = "Production" });
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(options);
        builder.Services.AddHttp(); // what listening may need, such as its certificate
        builder.AddWebServer(options, sockets, withOperator: false);
        var app = builder.Build();
        app.UsePathBase(options.BasePath);
        app.Run(context => Answer(context, step()));
        try
        {
            sockets.Keep = true;
            await app.StartAsync();
            return new StartingServer(app, sockets);
        }
        catch (IOException error) when (error.InnerException is AddressInUseException)
        {
            await app.DisposeAsync();
            return null;
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        using var limit = new CancellationTokenSource(MaxEnd);
        await _app.StopAsync(limit.Token);
        await _app.DisposeAsync();
        _sockets.Keep = false;
    }

    private static Task Answer(HttpContext context, StartStep step)
    {
        var response = context.Response;
        response.Headers.CacheControl = "no-store";
        response.Headers.Connection = "close";
        if (context.Request.Path == "/api/health")
        {
            return Write(response, "application/json", """{"status":"ok"}""");
        }

        response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        response.Headers.RetryAfter = "2";
        if (context.Request.Path == "/api/settings/health")
        {
            return Write(response, "application/json", $$"""{"status":"starting",{{Facts(step)}}}""");
        }

        if (!context.Request.Path.StartsWithSegments("/api")
            && context.Request.Headers.Accept.ToString().Contains("text/html", StringComparison.OrdinalIgnoreCase))
        {
            response.Headers["Refresh"] = "2"; // a page without scripts that tries again by itself
            response.Headers.ContentSecurityPolicy = StartingPage.Policy;
            response.Headers.XContentTypeOptions = "nosniff";
            return Write(response, "text/html; charset=utf-8", StartingPage.Of(step, context.Request.Headers.AcceptLanguage));
        }

        var detail = JavaScriptEncoder.Default.Encode($"The server starts: {step}.");
        return Write(response, "application/problem+json", $$"""
            {"type":"about:blank","title":"Service Unavailable","status":503,"code":"starting","detail":"{{detail}}",{{Facts(step)}}}
            """);
    }

    /// <summary>The members of a JSON object that programs read.</summary>
    private static string Facts(StartStep step) => string.Create(
        CultureInfo.InvariantCulture,
        $"\"step\":\"{JavaScriptEncoder.Default.Encode(step.Name)}\"{(step.Share is { } share ? $",\"share\":{share:0.###}" : "")}");

    private static Task Write(HttpResponse response, string type, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        response.ContentType = type;
        response.ContentLength = bytes.Length;
        return HttpMethods.IsHead(response.HttpContext.Request.Method) ? Task.CompletedTask : response.Body.WriteAsync(bytes).AsTask();
    }
}
