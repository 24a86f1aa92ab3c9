using System.Net;

namespace AiChat.Endpoints.Http;

/// <summary>
/// Refuses requests under a host name that ALLOWED_HOSTS does not list, which stops DNS rebinding: another site whose name was made to
/// point here gets no answer. Without a list every name is served, because no link is built from the name.
/// </summary>
internal static class AllowedHosts
{
    /// <summary>Comes after <c>UseProblems</c>, so that the refusal is a problem.</summary>
    public static void UseAllowedHosts(this WebApplication app, ServerOptions options)
    {
        if (options.AllowedHosts.Count == 0)
        {
            return;
        }

        var allowed = options.AllowedHosts.ToHashSet(StringComparer.OrdinalIgnoreCase);

        // A health check or a monitor on this machine knows no other name than a loopback one.
        app.Use((context, next) =>
            context.Client().OnThisMachine || allowed.Contains(context.Request.Host.Host) || IsProbe(context, options)
            ? next(context)
            : Problems.BadRequest("This server is not known by that name.").ExecuteAsync(context));
    }

    /// <summary>
    /// Of a cluster, which calls the address of the pod. No other site can bring a browser to do so under that name: it is no name.
    /// </summary>
    private static bool IsProbe(HttpContext context, ServerOptions options) =>
        context.Request.Path.Value is { } path && path.StartsWith(options.BasePath, StringComparison.OrdinalIgnoreCase)
        && path[options.BasePath.Length..] is "/api/health" or "/api/settings/health"
        && IPAddress.TryParse(context.Request.Host.Host.Trim('[', ']'), out var asked)
        && context.Connection.LocalIpAddress is { } local && (local.IsIPv4MappedToIPv6 ? local.MapToIPv4() : local).Equals(asked);
}
