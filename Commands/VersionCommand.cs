using System.CommandLine;
using System.Text.Json.Nodes;

namespace AiChat.Commands;

/// <summary>Tells what this file is and where it starts; reads no data folder.</summary>
internal static class VersionCommand
{
    public static Command Create()
    {
        var command = new Command("version", "Show the version, the commit, what it needs and what is in it.") { Options.Json };
        command.SetAction(parsed => Run(parsed.GetValue(Options.Json)));
        return command;
    }

    private static int Run(bool json)
    {
        var (glibc, system) = (BuildFacts.Glibc, BuildFacts.SystemGlibc);
        var runtime = Environment.Version.ToString();
        if (json)
        {
            var parts = BuildFacts.Version.Split('+', 2);
            Terminal.Say(Terminal.Json(new JsonObject
            {
                ["version"] = parts[0],
                ["commit"] = parts.ElementAtOrDefault(1),
                ["platform"] = BuildFacts.Platform,
                ["processor"] = BuildFacts.Processor,
                ["glibc"] = glibc,
                ["systemGlibc"] = system,
                ["dotnet"] = runtime,
                ["sqlite"] = BuildFacts.Sqlite,
                ["openssl"] = BuildFacts.OpenSsl,
            }));
            return ExitCodes.Done;
        }

        Terminal.Say($"aichat {BuildFacts.Version}");
        Terminal.Say($"  for       {BuildFacts.Platform}, {BuildFacts.Processor} or newer");
        Terminal.Say(glibc is null ? $"  glibc     {system} here" : $"  glibc     {glibc} or newer; {system} here");
        Terminal.Say($"  .NET      {runtime}");
        Terminal.Say($"  SQLite    {BuildFacts.Sqlite}");
        Terminal.Say($"  OpenSSL   {BuildFacts.OpenSsl}");
        return ExitCodes.Done;
    }
}
