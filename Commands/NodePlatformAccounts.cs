using System.Text.Json.Nodes;
using AiChat.Data.NodePlatform;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.NodePlatform;

namespace AiChat.Commands;

/// <summary>The accounts of the Node.js platform as they are to stand here.</summary>
internal static class NodePlatformAccounts
{
    private const int MaxName = 64;
    private const int MaxReason = 200;

    /// <summary>What its container creates by itself, for everybody to read in its documents.</summary>
    private const string DeliveredName = "admin";
    private const string DeliveredPassword = "admin123456";

    /// <returns>In the order of the rows.</returns>
    public static List<NodePlatformUser> Map(IReadOnlyList<SourceUser> rows, ImportReport report)
    {
        var names = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        return [.. rows.Select(row => Map(row, names, report))];
    }

    private static NodePlatformUser Map(SourceUser row, HashSet<string> names, ImportReport report)
    {
        var name = Name(row);
        var hash = row.Hash?.Trim();
        if (!BcryptHash.IsKnown(hash))
        {
            report.Left("passwords", "it cannot be used here; make a code for the first login: aichat user reset-password NAME", name);
            hash = null;
        }
        else if (row.Username == DeliveredName && BcryptHash.Verify(DeliveredPassword, hash!))
        {
            report.Note(
                $"The password of {name} is the one that the platform is delivered with. Change it now: aichat user reset-password {name}");
        }

        return new NodePlatformUser
        {
            Key = ChatMapping.KeyOf(row.Id, row.Created),
            Username = name,
            Hash = hash,
            Role = row.Role?.Trim().ToUpperInvariant() == "ADMIN" ? "ADMIN" : "USER",
            Status = row.Status?.Trim().ToUpperInvariant() switch
            {
                null or "" or "ACTIVE" => "ACTIVE", // a version without approval had no states
                "DISABLED" => "DISABLED",
                _ => "PENDING",
            },
            Reason = row.Reason is { Length: > MaxReason } reason ? reason[..MaxReason] : row.Reason,
            CreatedAt = row.Created,
            ApprovedAt = row.Approved,
            DailyLimit = row.DailyLimit,
            Preferences = string.IsNullOrWhiteSpace(row.Model) ? "{}" : new JsonObject { ["preferredModel"] = row.Model }.ToJsonString(),
            IsNamesake = !names.Add(name),
        };
    }

    /// <summary>As it is, so that it is typed as before; what nobody can type is left out.</summary>
    private static string Name(SourceUser row)
    {
        var plain = string.Concat((row.Username ?? "").Where(c => !char.IsControl(c))).Trim();
        return plain.Length == 0 ? $"user_{row.Id}" : plain.Length > MaxName ? plain[..MaxName] : plain;
    }
}
