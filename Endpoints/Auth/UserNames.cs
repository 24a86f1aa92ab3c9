using System.Text.RegularExpressions;

namespace AiChat.Endpoints.Auth;

/// <summary>The rule for user names: ASCII only, so that no two look alike and case folding is unambiguous.</summary>
internal static partial class UserNames
{
    /// <summary>The rule a name breaks, or null.</summary>
    public static string? Broken(string username) => Shape().IsMatch(username) ? null : "has 3 to 20 letters, digits or underscores";

    [GeneratedRegex(@"\A[A-Za-z0-9_]{3,20}\z")]
    private static partial Regex Shape();
}
